import { DataError } from "../core/errors.js";
import { sealCheckpoints } from "./checkpoints.js";
import { openFolder, rowsPath } from "./folder.js";
import { type FolderKind, type FolderRecord, readRecordOf } from "./record-file.js";
import { layout } from "./stored-run.js";

/**
 * Gives a folder of the present format what earlier versions did not write: a finished one the statement of its files as they
 * are now, an unfinished one the checksums of its checkpoints. Numbers are not touched.
 * @returns what was added, in words; undefined if nothing lacked
 * @throws DataError if a file is damaged; StoreError if another process has the folder
 */
export function addWhatLacks(kind: FolderKind, folder: string): string | undefined {
  const before = readRecordOf(kind, folder);
  if (before === undefined || before.files) return undefined;
  const opened = openFolder<FolderRecord>(kind, folder, {
    create() {
      throw new DataError(`${folder}: its record has gone`);
    },
    check: () => undefined,
  });
  try {
    const { status, files } = opened.record;
    if (status === "finished") return `states ${Object.keys(files!.kept).length} files and its rows`; // opening did that
    const sealed = sealCheckpoints(layout.checkpoints(folder), rowsPath(folder));
    return sealed.length > 0 ? `checksums for the checkpoints of step ${sealed.join(", ")}` : undefined;
  } finally {
    opened.close();
  }
}
