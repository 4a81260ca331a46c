import * as fs from "node:fs";
import { join } from "node:path";
import { codeOf, storeError } from "../core/files/io-error.js";
import { recordPath, type RunRecord } from "./record.js";
import { isResult, readResult } from "./results.js";
import { readRun, type RunReader } from "./stored-run.js";

/** Which runs are wanted. */
export interface RunFilter {
  readonly task?: string;
  /** Told the record of each run: by configuration, seed, status, ... */
  readonly where?: (record: RunRecord) => boolean;
}

/**
 * All runs under some folders, for reading: trained here and committed results alike. A run that lies under several of
 * them comes once: the finished one, else from the folder named first.
 * @returns in order of task and creation
 * @throws DataError naming a damaged run.json and what to do; StoreError if a folder cannot be read
 */
export function findRuns(roots: string | readonly string[], { task, where }: RunFilter = {}): RunReader[] {
  const found = new Map<string, RunReader>();
  for (const root of typeof roots === "string" ? [roots] : roots) {
    for (const taskName of task === undefined ? foldersIn(root) : [task]) {
      for (const id of foldersIn(join(root, taskName))) {
        const folder = join(root, taskName, id);
        if (!fs.existsSync(recordPath(folder))) continue;
        const key = `${taskName}/${id}`;
        const known = found.get(key);
        if (known?.record.status === "finished") continue;
        const run = isResult(folder) ? readResult(folder) : readRun(folder);
        if (known === undefined || run.record.status === "finished") found.set(key, run);
      }
    }
  }
  const wanted = [...found.values()].filter(({ record }) => where?.(record) ?? true);
  return wanted.sort(
    ({ record: a }, { record: b }) => compare(a.task, b.task) || compare(a.created, b.created),
  );
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The names of the folders in a folder; none if it does not exist. @throws StoreError */
export function foldersIn(folder: string): string[] {
  try {
    const entries = fs.readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw storeError("list", folder, error);
  }
}
