import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageOf, SpectralError, StoreError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import { setFolderAside } from "../store/aside.js";
import { hasContent } from "../store/folder.js";
import type { FolderKind } from "../store/record-file.js";
import { RUN } from "../store/record.js";
import { isResult, readResult } from "../store/results.js";
import { readRun, verifyRun } from "../store/stored-run.js";
import { readStudy, STUDY, verifyStudy } from "../store/study.js";
import { type Given, UsageError } from "./command.js";
import type { runs } from "./declarations.js";

/** Checks folders of runs and studies, or sets them aside. */
export async function run({ positionals }: Given<typeof runs>): Promise<number> {
  const [action, ...folders] = positionals;
  if (action !== "check" && action !== "set-aside")
    throw new UsageError(`expected check or set-aside, found "${action}"`);
  const each = action === "check" ? check : setAside;
  return largest(folders.map((folder) => each(resolve(folder))));
}

/** @returns 1 if it is damaged */
function check(folder: string): number {
  try {
    console.log(`${folder}: ${checked(folder)}`);
    return 0;
  } catch (error) {
    if (!(error instanceof SpectralError)) throw error;
    console.log(messageOf(error));
    return 1;
  }
}

function checked(folder: string): string {
  const isStudy = kindOf(folder) === STUDY;
  const stored = isStudy ? readStudy(folder) : isResult(folder) ? readResult(folder) : readRun(folder);
  const { record } = stored;
  if (isStudy) verifyStudy(stored as ReturnType<typeof readStudy>);
  else verifyRun(stored as ReturnType<typeof readRun>, true);
  const { length } = stored.rows();
  if (record.status !== "finished") return `${record.status}, ${length} rows`;
  if (!record.files)
    return "finished, but states no files: `npm run migrate -- FOLDER` adds what they are now";
  return `finished and whole: ${length} rows, ${Object.keys(record.files.kept).length} files of arrays`;
}

/** @throws StoreError if it is no folder of ours, or in use */
function setAside(folder: string): number {
  const kind = kindOf(folder);
  if (!existsSync(join(folder, kind.file)) && !hasContent(kind, folder))
    throw new StoreError(`${folder}: expected the folder of a run or a study, found none`);
  console.log(`${folder}: set aside as ${setFolderAside(kind, folder)}`);
  return 0;
}

function kindOf(folder: string): FolderKind {
  return existsSync(join(folder, STUDY.file)) || existsSync(join(folder, "parts")) ? STUDY : RUN;
}
