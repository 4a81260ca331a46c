import * as fs from "node:fs";
import { basename, join } from "node:path";
import { DataError, SpectralError } from "../core/errors.js";
import { codeOf, storeError } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { isSetAside } from "./aside.js";
import { hasContent, warnOnce } from "./folder.js";
import { damaged, type FolderKind } from "./record-file.js";
import { recordPath, RUN, type RunRecord } from "./record.js";
import { commandToRemake } from "./remake.js";
import { isResult, readResult } from "./results.js";
import { checkRowsSize } from "./statement.js";
import { readRun, type RunReader } from "./stored-run.js";

/** Which runs are wanted. */
export interface RunFilter {
  readonly task?: string;
  /** Told the record of each run: by configuration, seed, status, ... */
  readonly where?: (record: RunRecord) => boolean;
  /** Told of every folder that is left out because it is damaged. Default: a process warning, once for each. */
  readonly onLeftOut?: (message: string) => void;
}

/**
 * All runs under some folders, for reading: trained here and committed results alike. A run that lies under several of
 * them comes once: the finished one, else from the folder named first. What is damaged is left out, with a line that names
 * it; the others are found. Of finished runs the length of the rows is compared with what their records state, nothing more.
 * @returns in order of task and creation
 * @throws StoreError if one of `roots` cannot be read
 */
export function findRuns(
  roots: string | readonly string[],
  { task, where, onLeftOut = warnOnce }: RunFilter = {},
): RunReader[] {
  const found = new Map<string, RunReader>();
  for (const root of typeof roots === "string" ? [roots] : roots) {
    for (const taskName of task === undefined ? foldersIn(root, onLeftOut) : [task]) {
      for (const folder of recordedIn(RUN, join(root, taskName), onLeftOut)) {
        const known = found.get(`${taskName}/${basename(folder)}`);
        if (known?.record.status === "finished") continue;
        const run = unlessDamaged(onLeftOut, () => openFound(folder, taskName));
        if (run === undefined || (known && run.record.status !== "finished")) continue;
        found.set(`${taskName}/${basename(folder)}`, run);
      }
    }
  }
  const wanted = [...found.values()].filter(({ record }) => where?.(record) ?? true);
  return wanted.sort(
    ({ record: a }, { record: b }) => compare(a.task, b.task) || compare(a.created, b.created),
  );
}

function openFound(folder: string, task: string): RunReader {
  const run = isResult(folder) ? readResult(folder) : readRun(folder);
  const { record } = run;
  if (record.task !== task)
    throw new DataError(`${recordPath(folder)}: expected a run of ${task}, found one of ${record.task}`);
  try {
    if (record.files) checkRowsSize(folder, record.files);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    throw new DataError(`${error.message}: ${printable(commandToRemake(record))}`, { cause: error });
  }
  return run;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The folders in a folder that hold a record of a kind, or have lost it.
 * @param onLeftOut told of those that cannot be looked at, or have lost their record
 */
export function recordedIn(
  kind: FolderKind,
  folder: string,
  onLeftOut: (message: string) => void = warnOnce,
): string[] {
  const names = unlessDamaged(onLeftOut, () => foldersIn(folder, onLeftOut)) ?? [];
  const folders = names.filter((name) => !isSetAside(name)).map((name) => join(folder, name));
  return folders.filter((one) => unlessDamaged(onLeftOut, () => hasRecord(kind, one)));
}

function hasRecord(kind: FolderKind, folder: string): boolean {
  const path = join(folder, kind.file);
  try {
    fs.lstatSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw storeError("read", path, error);
  }
  if (hasContent(kind, folder)) throw damaged(kind, path, `the record of this ${kind.name}`, "no such file");
  return false; // something else, or a run that begins this moment
}

/** What an action returns; undefined, and a line that says why, where what it reads is damaged or cannot be read. */
export function unlessDamaged<T>(onLeftOut: (message: string) => void, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SpectralError)) throw error;
    onLeftOut(`left out: ${error.message}`);
    return undefined;
  }
}

/**
 * The names of the folders in a folder, links to folders among them; none if it does not exist.
 * @param onLeftOut told of a link that leads nowhere
 * @throws StoreError
 */
export function foldersIn(folder: string, onLeftOut: (message: string) => void = warnOnce): string[] {
  try {
    const entries = fs.readdirSync(folder, { withFileTypes: true });
    const isFolder = (entry: fs.Dirent): boolean => {
      if (!entry.isSymbolicLink()) return entry.isDirectory();
      return unlessDamaged(onLeftOut, () => leadsToFolder(join(folder, entry.name))) ?? false;
    };
    return entries.filter(isFolder).map((entry) => entry.name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw storeError("list", folder, error);
  }
}

function leadsToFolder(link: string): boolean {
  try {
    return fs.statSync(link).isDirectory();
  } catch (error) {
    throw storeError("follow the link", link, error);
  }
}
