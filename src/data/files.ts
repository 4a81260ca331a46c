import { createReadStream } from "node:fs";
import { readFile, readdir, readlink, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DataError, messageOf } from "../core/errors.js";
import { codeOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { isMacLitter } from "./archives/entry.js";
import { checkForm } from "./form.js";
import { gunzipped } from "./gunzipped.js";

/** Whether anything is at `path`. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Whether a file, or a link to one, is at `path`. @throws DataError if a link there leads nowhere */
export async function isFile(path: string): Promise<boolean> {
  return (await kindOf(path)) === "file";
}

/** Whether a folder, or a link to one, is at `path`. @throws DataError if a link there leads nowhere */
export async function isFolder(path: string): Promise<boolean> {
  return (await kindOf(path)) === "folder";
}

type Kind = "file" | "folder" | "other";

/** What is at `path`, links followed; undefined where nothing is. @throws DataError if a link there leads nowhere */
async function kindOf(path: string): Promise<Kind | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? "file" : found.isDirectory() ? "folder" : "other";
  } catch (error) {
    const target = await readlink(path).catch(() => undefined);
    if (target === undefined) return undefined;
    const why = codeOf(error) === "ELOOP" ? "leads back to itself" : "is not there";
    throw new DataError(`${path}: a link whose target ${printable(target, 200)} ${why}${adviceFor(target)}`, {
      cause: error,
    });
  }
}

/** What fetches the content of a file that git-annex or DVC keeps elsewhere. */
function adviceFor(target: string): string {
  if (/(^|\/)annex\/objects\//.test(target)) return "; get it with: git annex get";
  if (/(^|\/)(\.?dvc|cache)\//.test(target)) return "; get it with: dvc pull";
  return "; put it there, or remove the link (git-annex: git annex get; DVC: dvc pull)";
}

/** An entry of a folder, links followed. */
export interface FolderEntry {
  readonly name: string;
  /** Where it is read: in the folder, or where a link that was written as text leads. */
  readonly at: string;
  readonly kind: Kind;
}

/**
 * What lies in a folder, links followed, sorted by name, without what macOS leaves behind.
 * @throws DataError if it cannot be read, or holds a link that leads nowhere
 */
export async function entriesIn(folder: string): Promise<FolderEntry[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new DataError(`${folder}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const entries: FolderEntry[] = [];
  for (const name of names.filter((each) => !isMacLitter(each)).sort()) {
    const at = await writtenLink(join(folder, name));
    const kind = await kindOf(at);
    if (kind !== undefined) entries.push({ name, at, kind });
  }
  return entries;
}

/** Most bytes of a link that was written as text. */
const LONGEST_LINK = 1000;

/**
 * Where a file leads that holds nothing but a path beginning with `../`, `./` or `/`: so git writes links where the disk
 * knows none. The path itself for any other.
 * @throws DataError if nothing is there
 */
async function writtenLink(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFile() || found.size === 0 || found.size > LONGEST_LINK) return path;
  const text = await readFile(path, "utf8").catch(() => "");
  if (!/^(\.{1,2}\/|\/)[^\0\r\n]+$/.test(text)) return path;
  const target = resolve(dirname(path), text);
  if (await exists(target)) return target;
  throw new DataError(
    `${path}: a link, written as text, whose target ${printable(text, 200)} is not there${adviceFor(text)}`,
  );
}

/** A file below a folder. */
export interface FileBelow {
  /** Its path by the names of the folders that it lies in. */
  readonly path: string;
  /** Where it is read. */
  readonly at: string;
}

/**
 * All files below a folder, or below one entry of it, links followed, sorted by path.
 * @throws DataError if a folder cannot be read, a link leads nowhere, or a folder holds a link to one that it lies in
 */
export async function filesBelow(folder: string, entry?: string): Promise<FileBelow[]> {
  const path = entry === undefined ? folder : join(folder, entry);
  const files = await filesOf(path, entry === undefined ? folder : await writtenLink(path), []);
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** @param path the folder by name; `at` where it is read; `above` the true paths of the folders that it lies in */
async function filesOf(path: string, at: string, above: readonly string[]): Promise<FileBelow[]> {
  const real = await realpath(at).catch((error: unknown) => {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  if (above.includes(real)) throw new DataError(`${path}: a link back to a folder that it lies in, ${real}`);
  const files: FileBelow[] = [];
  for (const entry of await entriesIn(at)) {
    const name = join(path, entry.name);
    if (entry.kind === "file") files.push({ path: name, at: entry.at });
    if (entry.kind === "folder")
      for (const below of await filesOf(name, entry.at, [...above, real])) files.push(below);
  }
  return files;
}

/**
 * Most bytes that a file may hold once it is unpacked, from its first bytes (64, or all that there are).
 * @throws DataError if they say already that it is not what is expected
 */
export type LimitOf = (start: Buffer) => number;

/**
 * A whole file, unpacked if its name ends in `.gz`; never more of it than the limit is held in memory.
 * @throws DataError if it cannot be read or unpacked, or is longer than `limitOf` says
 */
export async function readData(path: string, limitOf: LimitOf): Promise<Buffer> {
  if (path.endsWith(".gz")) await checkForm(path, "gzip");
  const chunks: Buffer[] = [];
  let bytes = 0;
  let limit: number | undefined;
  const check = (): void => {
    limit ??= limitOf(Buffer.concat(chunks).subarray(0, 64));
    if (bytes <= limit) return;
    const unpacked = path.endsWith(".gz") ? " once it is unpacked" : "";
    throw new DataError(`${path}: expected at most ${limit} bytes${unpacked}, found more`);
  };
  try {
    const source: AsyncIterable<Buffer> = path.endsWith(".gz") ? gunzipped(path) : createReadStream(path);
    for await (const chunk of source) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= 64) check();
    }
    check();
    return Buffer.concat(chunks, bytes);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
