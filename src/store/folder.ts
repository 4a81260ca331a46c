import * as fs from "node:fs";
import { join } from "node:path";
import { DataError, StoreError } from "../core/errors.js";
import { removeStaleTemporaries, writeFileAtomic } from "../core/files/atomic.js";
import { makeFolders } from "../core/files/folders.js";
import { storeError } from "../core/files/io-error.js";
import { holderOf } from "../core/files/lock.js";
import { setAsideFile } from "./aside.js";
import { lockFolder, lockPath } from "./lock-folder.js";
import { damaged, readRecordOf, writeRecordOf, type FolderKind, type FolderRecord } from "./record-file.js";
import { appendRows, readContent, readRows, truncateRows, type Row } from "./rows.js";
import { additionTo, restate, stateOf, statedRows } from "./statement.js";

export { moveAside, setFolderAside } from "./aside.js";
export { lockPath } from "./lock-folder.js";

type Warn = (message: string) => void;

/** How a folder is opened. */
export interface OpenOptions {
  /** Renames a damaged or missing record to <file>.damaged-<n> and goes on from what else is there. */
  readonly setAsideDamaged?: boolean;
  /** Told what was repaired or passed over. Default: a process warning. */
  readonly onWarning?: (message: string) => void;
}

/** A folder that this process writes. Everything is on the disk when a method returns. */
export interface OpenFolder<R> {
  readonly record: R;
  /** Whether a damaged or missing record was set aside when it was opened: what else is there is all that is left of it. */
  readonly salvaged: boolean;
  /**
   * Changes the record. One that says "finished" states all files as they are then, and stays finished.
   * @throws StoreError; DataError if a file of a folder that is to be finished is damaged
   */
  update(changes: Partial<R>): void;
  /** Adds rows. @throws StoreError; DataError for a value that is no number, text, boolean or null */
  appendRows(rows: readonly Row[]): void;
  /** Cuts the rows back to their first bytes, and forgets which files were written: some are dropped now. @throws as truncateRows */
  cutRows(bytes: number): void;
  /** Tells what was repaired or passed over. */
  warn(message: string): void;
  /**
   * Comes before every other write.
   * @throws StoreError once the folder is closed, moved, deleted or replaced, or its lock is another's
   */
  mustBeOurs(): void;
  /**
   * Comes before a file of arrays is written: its path. In a finished folder no file is replaced: what is to join a stated one
   * gets a name of its own, and counts once the record is updated.
   * @param name "steps/20.safetensors"
   * @throws StoreError as `mustBeOurs`
   */
  pathToWrite(name: string): string;
  /** Gives the folder back. Writing to it afterwards is an error. */
  close(): void;
}

/** The rows of a run or a study. */
export function rowsPath(folder: string): string {
  return join(folder, "rows.jsonl");
}

/**
 * Opens a folder for writing, a new one or one that was left, and locks it; clears away half-written files and a last
 * row that was cut short.
 * @param options.create makes the record of a new one
 * @param options.check refuses a stored record that is not of what was asked for
 * @throws StoreError if another process has it or it cannot be written; DataError if its record is damaged or missing
 */
export function openFolder<R extends FolderRecord>(
  kind: FolderKind,
  folder: string,
  options: OpenOptions & { create(): R; check(stored: R): void },
): OpenFolder<R> {
  const warn = options.onWarning ?? emitWarning;
  const make = (): boolean => {
    try {
      makeFolders(folder);
      return true;
    } catch (error) {
      throw storeError(`make the ${kind.name} folder`, folder, error);
    }
  };
  const lock = lockFolder(kind, folder, make)!;
  const rows = rowsPath(folder);
  let rowsBytes: number; // as this process left them
  let record: R;
  let salvaged: boolean;
  try {
    ({ record, salvaged } = prepareRecord(kind, folder, options, warn));
    cleanUp(kind, folder, record, warn);
    if (record.status === "finished" && !record.files) {
      record = { ...record, files: stateOf(folder, kind.kept) };
      writeRecordOf(kind, folder, record);
    }
    rowsBytes = fs.statSync(rows).size;
  } catch (error) {
    try {
      lock.check(); // says better why, where the folder was moved meanwhile
    } finally {
      lock.release();
    }
    throw error;
  }
  let open = true;
  const added = new Set<string>(); // files that were written beside the stated ones
  const written = new Set<string>(); // all files that were written, to be there when the folder is finished
  const mustBeOurs = (): void => {
    if (!open) throw new StoreError(`${kind.name} ${folder} was closed: open it again before writing`);
    lock.check();
  };
  /** Writes; afterwards it is still our folder, so that what was written is where it is looked for. */
  const write = (work: () => void): void => {
    mustBeOurs();
    try {
      work();
    } catch (error) {
      mustBeOurs(); // says better why
      throw error;
    }
    mustBeOurs();
  };
  const mustBeAsLeft = (): void => {
    const bytes = fs.statSync(rows, { throwIfNoEntry: false })?.size;
    if (bytes === rowsBytes) return;
    const found = bytes === undefined ? "no such file" : `${bytes} bytes`;
    throw new StoreError(
      `${rows}: expected ${rowsBytes} bytes, as this process left them, found ${found}: something else changed them`,
    );
  };
  const stated = (next: R): R => {
    if (next.status !== "finished") return next;
    mustBeAsLeft();
    const lost = [...written].find((name) => !fs.existsSync(join(folder, name)));
    if (lost !== undefined)
      throw new StoreError(`${join(folder, lost)}: expected the file that this process wrote, found none`);
    const { files } = record;
    try {
      return { ...next, files: files ? restate(files, folder, [...added]) : stateOf(folder, kind.kept) };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      const way = `with it this ${kind.name} cannot be finished. To make it anew: spectral runs set-aside ${folder}`;
      throw new DataError(`${error.message}: ${way}`, { cause: error });
    }
  };
  return {
    get record() {
      return record;
    },
    salvaged,
    update(changes) {
      mustBeOurs();
      const next = stated({ ...record, ...changes });
      write(() => writeRecordOf(kind, folder, next)); // checks again: stating large files takes a while
      record = next;
      added.clear();
    },
    appendRows(more) {
      mustBeOurs();
      mustBeAsLeft();
      write(() => {
        appendRows(rows, more);
        rowsBytes = fs.statSync(rows).size;
      });
    },
    cutRows(bytes) {
      mustBeOurs();
      truncateRows(rows, bytes);
      rowsBytes = bytes;
      written.clear();
    },
    warn,
    mustBeOurs,
    pathToWrite(name) {
      mustBeOurs();
      const free = record.files ? additionTo(record.files, added, name) : name;
      written.add(free);
      if (record.files) added.add(free);
      return join(folder, free);
    },
    close() {
      open = false;
      lock.release();
    },
  };
}

/**
 * The rows of a folder for reading: of a finished one those that its record states, or where it states none those of a file that
 * was closed in order.
 * @throws DataError as `readRows`, and for a finished folder whose rows are gone or end in the middle of one
 */
export function rowsOf(
  folder: string,
  { status, files }: Pick<FolderRecord, "status" | "files">,
): readonly Row[] {
  const path = rowsPath(folder);
  const { rows, tornBytes } = readRows(path, files);
  if (status !== "finished" || files) return rows;
  const found = fs.existsSync(path) ? `a last row cut short (${tornBytes} bytes)` : "no such file";
  if (tornBytes > 0 || !fs.existsSync(path))
    throw new DataError(`${path}: expected the rows of a finished folder, found ${found}: it was damaged`);
  return rows;
}

/** A process warning: where warnings go that nobody asked to be told of. */
export function emitWarning(message: string): void {
  process.emitWarning(message, "SpectralWarning");
}

const said = new Set<string>();

/** `emitWarning` of what is met again and again: each message once in this process. */
export function warnOnce(message: string): void {
  if (!said.has(message)) emitWarning(message);
  said.add(message);
}

/**
 * The record of a folder at this moment, for reading: one whose process was killed reads as "interrupted".
 * @throws StoreError if there is none; DataError if it is damaged
 */
export function currentRecord<R extends FolderRecord>(kind: FolderKind, folder: string): R {
  const stored = readRecordOf<R>(kind, folder);
  if (stored === undefined)
    throw new StoreError(`${join(folder, kind.file)}: expected a ${kind.name}, found no such file`);
  const dead = stored.status === "running" && holderOf(lockPath(folder)) === undefined;
  return dead ? { ...stored, status: "interrupted" } : stored;
}

function prepareRecord<R extends FolderRecord>(
  kind: FolderKind,
  folder: string,
  { create, check, setAsideDamaged }: OpenOptions & { create(): R; check(stored: R): void },
  warn: Warn,
): { readonly record: R; readonly salvaged: boolean } {
  const path = join(folder, kind.file);
  let stored: R | undefined;
  let salvaged = false;
  try {
    stored = readRecordOf(kind, folder);
    // A record is written before anything else, so a folder with content and without it lost it.
    if (stored === undefined && hasContent(kind, folder))
      throw damaged(kind, path, `the record of this ${kind.name}`, "no such file");
  } catch (error) {
    if (!setAsideDamaged || !(error instanceof DataError)) throw error;
    salvaged = true;
    if (fs.existsSync(path)) warn(`${path} is damaged; kept as ${setAsideFile(path)}`);
  }
  if (stored !== undefined) {
    check(stored);
    return { record: stored, salvaged };
  }
  const record = create();
  writeRecordOf(kind, folder, record);
  return { record, salvaged };
}

/** Whether a folder holds more than a record: one that has no record then has lost it. */
export function hasContent(kind: FolderKind, folder: string): boolean {
  return ["rows.jsonl", ...kind.places].some((name) => fs.existsSync(join(folder, name)));
}

// What killed processes left: half-written files aside, a row cut short, and rows that a finished folder does not state.
function cleanUp<R extends FolderRecord>(
  kind: FolderKind,
  folder: string,
  { status, files }: R,
  warn: Warn,
): void {
  for (const place of ["", ...kind.places]) removeStaleTemporaries(join(folder, place));
  const rows = rowsPath(folder);
  if (files) {
    const content = readContent(rows);
    const bytes = statedRows(rows, content, files).length;
    if (content.length === bytes) return;
    warn(`${rows}: dropped ${content.length - bytes} bytes of an addition that was not completed`);
    truncateRows(rows, bytes);
    return;
  }
  if (status === "finished") return void rowsOf(folder, { status, files });
  if (!fs.existsSync(rows)) writeFileAtomic(rows, "", folder);
  const content = readContent(rows); // whether the rows are sound is seen when they are read, or by a checkpoint
  const bytes = content.lastIndexOf(0x0a) + 1;
  const tornBytes = content.length - bytes;
  if (tornBytes === 0) return;
  warn(`${rows}: dropped a last row that was cut short (${tornBytes} bytes)`);
  truncateRows(rows, bytes);
}
