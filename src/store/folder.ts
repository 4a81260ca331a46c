import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { DataError, StoreError } from "../core/errors.js";
import { removeStaleTemporaries, writeFileAtomic } from "../core/files/atomic.js";
import { makeFolders } from "../core/files/folders.js";
import { storeError } from "../core/files/io-error.js";
import { acquireLock, holderOf } from "../core/files/lock.js";
import { damaged, readRecordOf, writeRecordOf, type FolderKind, type FolderRecord } from "./record-file.js";
import { appendRows, readRows, truncateRows, type Row } from "./rows.js";

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
  /** Changes the record. @throws StoreError */
  update(changes: Partial<R>): void;
  /** Adds rows. @throws StoreError; DataError for a value that is no number, text, boolean or null */
  appendRows(rows: readonly Row[]): void;
  /** Tells what was repaired or passed over. */
  warn(message: string): void;
  /**
   * Comes before every other write.
   * @throws StoreError once the folder is closed, moved, deleted or replaced, or its lock is another's
   */
  mustBeOurs(): void;
  /** Gives the folder back. Writing to it afterwards is an error. */
  close(): void;
}

/** The rows of a run or a study. */
export function rowsPath(folder: string): string {
  return join(folder, "rows.jsonl");
}

/** The lock of a run or a study. */
export function lockPath(folder: string): string {
  return join(folder, "lock");
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
  try {
    makeFolders(folder);
  } catch (error) {
    throw storeError(`make the ${kind.name} folder`, folder, error);
  }
  const lock = acquireLock(lockPath(folder), `${kind.name} ${folder}`);
  let record: R;
  try {
    record = prepareRecord(kind, folder, options, warn);
    cleanUp(kind, folder, warn);
  } catch (error) {
    lock.release();
    throw error;
  }
  let open = true;
  const mustBeOurs = (): void => {
    if (!open) throw new StoreError(`${kind.name} ${folder} was closed: open it again before writing`);
    lock.check();
    if (!fs.existsSync(rowsPath(folder)))
      throw new StoreError(`${rowsPath(folder)} was removed while it was written`);
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
  return {
    get record() {
      return record;
    },
    update(changes) {
      const next = { ...record, ...changes };
      write(() => writeRecordOf(kind, folder, next));
      record = next;
    },
    appendRows(rows) {
      write(() => appendRows(rowsPath(folder), rows));
    },
    warn,
    mustBeOurs,
    close() {
      open = false;
      lock.release();
    },
  };
}

/**
 * Moves a folder aside, out of the sight of every search, so that another can take its name: to .replaced/<id>-<n> beside it.
 * @returns where it lies now
 * @throws StoreError if another process has it
 */
export function moveAside(kind: FolderKind, folder: string): string {
  const lock = acquireLock(lockPath(folder), `${kind.name} ${folder}`);
  try {
    const aside = join(dirname(folder), ".replaced");
    makeFolders(aside);
    let n = 1;
    while (fs.existsSync(join(aside, `${basename(folder)}-${n}`))) n++;
    const target = join(aside, `${basename(folder)}-${n}`);
    fs.renameSync(folder, target);
    fs.rmSync(lockPath(target), { force: true });
    return target;
  } catch (error) {
    throw storeError("move aside", folder, error);
  } finally {
    lock.release();
  }
}

/** A process warning: where warnings go that nobody asked to be told of. */
export function emitWarning(message: string): void {
  process.emitWarning(message, "SpectralWarning");
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
): R {
  const path = join(folder, kind.file);
  let stored: R | undefined;
  try {
    stored = readRecordOf(kind, folder);
    // A record is written before anything else, so a folder with content and without it lost it.
    const lost =
      stored === undefined &&
      ["rows.jsonl", ...kind.places].some((name) => fs.existsSync(join(folder, name)));
    if (lost) throw damaged(kind, path, `the record of this ${kind.name}`, "no such file");
  } catch (error) {
    if (!setAsideDamaged || !(error instanceof DataError)) throw error;
    if (fs.existsSync(path)) warn(`${path} is damaged; kept as ${setAsideFile(path)}`);
  }
  if (stored !== undefined) {
    check(stored);
    return stored;
  }
  const record = create();
  writeRecordOf(kind, folder, record);
  return record;
}

function setAsideFile(path: string): string {
  let n = 1;
  while (fs.existsSync(`${path}.damaged-${n}`)) n++;
  fs.renameSync(path, `${path}.damaged-${n}`);
  return `${path}.damaged-${n}`;
}

// What killed processes left: half-written files aside, and a row cut short.
function cleanUp(kind: FolderKind, folder: string, warn: Warn): void {
  for (const place of ["", ...kind.places]) removeStaleTemporaries(join(folder, place));
  const rows = rowsPath(folder);
  if (!fs.existsSync(rows)) writeFileAtomic(rows, "");
  const { bytes, tornBytes } = readRows(rows);
  if (tornBytes === 0) return;
  warn(`${rows}: dropped a last row that was cut short (${tornBytes} bytes)`);
  truncateRows(rows, bytes);
}
