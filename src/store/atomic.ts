import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { hashOf } from "../core/hash.js";
import { storeError } from "./io-error.js";
import { liveness, thisProcess } from "./process.js";

/** What can be written: text (UTF-8), bytes, or bytes in pieces, so that a large file needs no second copy in memory. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Writes a file so that at every instant, also after kill -9 or a power cut, `path` holds either its old content or
 * the whole new one: written aside in the same folder, flushed, renamed, the folder flushed. Missing folders are made.
 * @throws StoreError naming the path (no permission, disk full, ...); the old file is then untouched.
 */
export function writeFileAtomic(path: string, content: FileContent): void {
  const aside = temporaryPath(path);
  try {
    fs.mkdirSync(dirname(path), { recursive: true });
    writeNewFile(aside, content);
    fs.renameSync(aside, path);
    flushFolder(dirname(path));
  } catch (error) {
    discard(aside);
    throw storeError("write", path, error);
  }
}

/**
 * Removes what killed processes left half written in a folder. Files of living processes, or of processes on another
 * machine, stay.
 * @returns the names that were removed
 */
export function removeStaleTemporaries(folder: string): string[] {
  const stale = fs.existsSync(folder) ? fs.readdirSync(folder).filter(isStaleTemporary) : [];
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

/** Removes a file if it is there and can be removed. */
export function discard(path: string): void {
  try {
    fs.unlinkSync(path);
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

/** Makes renames and new names in a folder survive a power cut. Windows has no such call. */
export function flushFolder(folder: string): void {
  if (process.platform === "win32") return;
  const handle = fs.openSync(folder, "r");
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

function isStaleTemporary(name: string): boolean {
  const match = /^\..+\.([0-9a-f]{8})\.(\d+)\.([0-9a-f-]*)\.[0-9a-f]{8}\.tmp$/.exec(name);
  if (match === null) return false;
  const { machine } = thisProcess();
  if (match[1] !== hashOf(machine, 8)) return false;
  return liveness({ pid: Number(match[2]), machine, started: match[3] }) === "dead";
}
