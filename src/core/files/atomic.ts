import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { hashOf } from "../hash.js";
import { makeFolders } from "./folders.js";
import { codeOf, storeError } from "./io-error.js";
import { liveness, thisProcess } from "./process.js";

/** What can be written: text (UTF-8), bytes, or bytes in pieces, so that a large file needs no second copy in memory. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file so that at every instant, also after kill -9 or a power cut, `path` holds either its old content or
 * the whole new one: written aside in the same folder, flushed, renamed, the folder flushed. Missing folders are made;
 * the mode of the old file is kept.
 * @param within a folder that must be there: only folders below it are made. Default: all
 * @throws StoreError naming the path (no permission, disk full, ...); the old file is then untouched.
 */
export function writeFileAtomic(path: string, content: FileContent, within?: string): void {
  const next = replacement(path, within);
  try {
    next.write(content);
    next.finish();
  } catch (error) {
    throw next.abandon(error);
  }
}

/** `writeFileAtomic` for text or bytes that come piece by piece. @throws as it, and what the pieces throw */
export async function writeStreamAtomic(
  path: string,
  pieces: AsyncIterable<string | Uint8Array>,
): Promise<void> {
  const next = replacement(path);
  try {
    for await (const piece of pieces) next.write(piece);
    next.finish();
  } catch (error) {
    throw next.abandon(error);
  }
}

interface Replacement {
  write(content: FileContent): void;
  finish(): void;
  /** @returns what to throw */
  abandon(error: unknown): Error;
}

/** A file aside that takes the place of `path` once it is finished. */
function replacement(path: string, within?: string): Replacement {
  const aside = temporaryPath(path);
  let file: number | undefined;
  const close = (): void => {
    if (file !== undefined) fs.closeSync(file);
    file = undefined;
  };
  const abandon = (error: unknown): Error => {
    close();
    discard(aside);
    return storeError("write", path, error);
  };
  try {
    makeFolders(dirname(path), within);
    file = fs.openSync(aside, "wx");
  } catch (error) {
    throw abandon(error);
  }
  const finish = (): void => {
    keepAccess(file!, path);
    fs.fsyncSync(file!);
    close();
    const folder = openFolder(dirname(path)); // where it cannot be opened, nothing has been replaced yet
    try {
      fs.renameSync(aside, path);
    } catch (error) {
      closeFolder(folder);
      throw error;
    }
    flushAndClose(folder);
  };
  return { write: (content) => writeAll(file!, content), finish, abandon };
}

/** Gives an open file the mode of the file that it replaces and, where this process may, its owner and group. */
function keepAccess(file: number, path: string): void {
  const old = fs.lstatSync(path, { throwIfNoEntry: false });
  if (!old?.isFile()) return;
  const { uid, gid } = fs.fstatSync(file);
  try {
    if (old.uid !== uid || old.gid !== gid) fs.fchownSync(file, old.uid, old.gid);
  } catch {
    // Only root gives files away; the content matters more.
  }
  fs.fchmodSync(file, old.mode & 0o7777);
}

/**
 * Removes what killed processes left half written in a folder, files and folders. What living processes write stays; so
 * does what processes of other machines wrote, for a week.
 * @returns the names that were removed
 */
export function removeStaleTemporaries(folder: string): string[] {
  const names = fs.existsSync(folder) ? fs.readdirSync(folder) : [];
  const stale = names.filter((name) => isStaleTemporary(folder, name));
  for (const name of stale) discard(join(folder, name));
  return stale;
}

/**
 * A new name beside `path`: ".<name>.<machine>.<pid>.<started>.<random>.tmp". It names the writing process, so that
 * others can tell whether it still lives.
 */
export function temporaryPath(path: string): string {
  const { pid, machine, started } = thisProcess();
  const random = randomBytes(4).toString("hex");
  return join(dirname(path), `.${basename(path)}.${hashOf(machine, 8)}.${pid}.${started}.${random}.tmp`);
}

/** Writes a new file and flushes it to the disk. Not atomic: a crash leaves a part of it. */
export function writeNewFile(path: string, content: FileContent): void {
  const file = fs.openSync(path, "wx");
  try {
    writeAll(file, content);
    fs.fsyncSync(file);
  } finally {
    fs.closeSync(file);
  }
}

/** Removes a file or folder if it is there and can be removed. */
export function discard(path: string): void {
  try {
    fs.rmSync(path, { recursive: true });
  } catch {
    // Never made, or gone already; a failure that matters was reported by the write itself.
  }
}

/** Writes all of `content` at the end of an open file. */
export function writeAll(file: number, content: FileContent): void {
  const pieces = typeof content === "string" ? [Buffer.from(content)] : content;
  for (const piece of pieces instanceof Uint8Array ? [pieces] : pieces) {
    let written = 0;
    while (written < piece.length) {
      // One call writes at most 2 GiB.
      written += fs.writeSync(file, piece, written, Math.min(piece.length - written, 2 ** 30));
    }
  }
}

/** Codes with which a file system (NFS, SMB, FUSE, 9p) says that it opens or flushes no folders: there is no way to, then. */
const CANNOT_FLUSH: readonly string[] = [
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EBADF",
  "EISDIR",
  "EACCES",
  "EPERM",
];

/** A handle of a folder, to make renames and new names in it survive a power cut; undefined where there is none to have. Windows has no such call. */
function openFolder(folder: string): number | undefined {
  if (process.platform === "win32") return undefined;
  return unlessUnable(() => fs.openSync(folder, "r"));
}

function flushAndClose(folder: number | undefined): void {
  if (folder === undefined) return;
  try {
    unlessUnable(() => fs.fsyncSync(folder));
  } finally {
    fs.closeSync(folder);
  }
}

function closeFolder(folder: number | undefined): void {
  if (folder !== undefined) fs.closeSync(folder);
}

function unlessUnable<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (CANNOT_FLUSH.includes(codeOf(error))) return undefined;
    throw error;
  }
}

const WEEK = 7 * 24 * 3600 * 1000; // milliseconds

function isStaleTemporary(folder: string, name: string): boolean {
  const match = /^\..+\.([0-9a-f]{8})\.(\d+)\.([0-9a-f-]*)\.[0-9a-f]{8}\.tmp$/.exec(name);
  if (match === null) return false;
  const { machine } = thisProcess();
  if (match[1] === hashOf(machine, 8))
    return liveness({ pid: Number(match[2]), machine, started: match[3] }) === "dead";
  const { mtimeMs = Infinity } = fs.lstatSync(join(folder, name), { throwIfNoEntry: false }) ?? {};
  return Date.now() - mtimeMs > WEEK;
}
