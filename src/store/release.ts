import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { codeOf, storeError } from "../core/files/io-error.js";
import { lockFolder } from "./lock-folder.js";
import { readRecordOf } from "./record-file.js";
import { recordPath, RUN, type RunRecord, writeRecord } from "./record.js";
import { stateOf, statedSteps, type Statement } from "./statement.js";

/** Places of a run's folder whose files can be let go of. */
const PLACES = ["weights", "moments"] as const;

/** Whether a finished run still has weights of some steps, or files of steps that it let go of. @throws StoreError */
export function holdsAny(
  { folder, record }: { readonly folder: string; readonly record: Pick<RunRecord, "files" | "released"> },
  steps: readonly number[],
): boolean {
  const { files, released } = record;
  if (files === undefined || filesOfSteps(files, steps).length > 0) return true;
  return released !== undefined && unstated(folder, files).length > 0;
}

/**
 * Lets a finished run go of the weights of some steps, and of the optimiser's memory there: its record then states the other
 * files and says which steps went (`RunRecord.released`), and after that the files are removed. Killed in between, files that
 * nothing states are left, which are no part of the run; asked again, they go. What was measured stays.
 * @returns whether it did; not where there is no finished run in the folder any more
 * @throws StoreError if another process has the run, or it cannot be written; DataError if its record is damaged
 */
export function releaseWeights(folder: string, steps: readonly number[]): boolean {
  const lock = lockFolder(RUN, folder, () => existsSync(recordPath(folder)));
  if (lock === undefined) return false;
  try {
    const record = readRecordOf<RunRecord>(RUN, folder);
    if (record?.status !== "finished") return false;
    const files = record.files ?? stateOf(folder, RUN.kept);
    const gone = new Set(filesOfSteps(files, steps));
    const kept = Object.fromEntries(Object.entries(files.kept).filter(([name]) => !gone.has(name)));
    const stated = { ...files, kept };
    if (gone.size > 0) {
      const all = new Set([...(record.released ?? []), ...stepsOf(files, gone)]);
      lock.check();
      writeRecord(folder, { ...record, files: stated, released: [...all].sort((a, b) => a - b) });
    }
    for (const name of unstated(folder, stated)) remove(join(folder, name));
    return true;
  } finally {
    lock.release();
  }
}

function filesOfSteps(files: Statement, steps: readonly number[]): string[] {
  const asked = new Set(steps);
  return PLACES.flatMap((place) =>
    [...statedSteps(files, place)].flatMap(([step, names]) => (asked.has(step) ? names : [])),
  );
}

/** Steps whose weights are among some stated files. */
function stepsOf(files: Statement, names: ReadonlySet<string>): number[] {
  const steps = [...statedSteps(files, "weights")];
  return steps.filter(([, own]) => own.some((name) => names.has(name))).map(([step]) => step);
}

/** Files of weights and memory that a finished run's record does not state. */
function unstated(folder: string, { kept }: Statement): string[] {
  const names = PLACES.flatMap((place) => filesIn(folder, place));
  return names.filter((name) => !Object.hasOwn(kept, name));
}

function filesIn(folder: string, place: string): string[] {
  try {
    const names = readdirSync(join(folder, place));
    return names.filter((name) => name.endsWith(".safetensors")).map((name) => `${place}/${name}`);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw storeError("list", join(folder, place), error);
  }
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    throw storeError("remove", path, error);
  }
}
