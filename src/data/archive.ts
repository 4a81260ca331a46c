import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { DataError, messageOf } from "../core/errors.js";
import { discard, removeStaleTemporaries, temporaryPath } from "../core/files/atomic.js";
import { makeFolders } from "../core/files/folders.js";
import { codeOf } from "../core/files/io-error.js";
import { tarEntries } from "./archives/tar.js";
import { zipEntries } from "./archives/zip.js";
import { type Digest, type Receipt, digestFile, writeReceipt } from "./checksum.js";
import type { RemoteFile } from "./download.js";
import { filesBelow } from "./files.js";
import { checkForm } from "./form.js";

/** How the files of a bundle become a folder. */
export type Unpacking = "tar.gz" | "zip";

/** Most bytes that an archive unpacks to, where `sources.ts` states no other number. */
const UNPACKED_LIMIT = 4 * 2 ** 30;

/**
 * Compares an archive, downloaded or left in the root by hand, with what is published for its name.
 * @returns how its bytes are known to be right: by a published checksum, or, where none is published, only by their form
 * @throws DataError naming both checksums and what to do
 */
export async function checkPublished(
  archive: string,
  published: RemoteFile,
  folder: string,
): Promise<Receipt["checkedBy"]> {
  const found = await digestFile(archive);
  for (const kind of ["sha256", "md5"] as const) {
    const expected = published[kind];
    if (expected === undefined) continue;
    if (found[kind] === expected) return kind;
    const length = published.bytes === undefined ? "" : ` of ${published.bytes} bytes`;
    throw new DataError(
      `${archive}: not the published ${published.name}: expected ${kind} ${expected}${length}, found ${found[kind]} ` +
        `of ${found.bytes} bytes. Remove it and get it again (it may have been cut short), or, if these are files of your own, ` +
        `unpack them to ${folder} by hand and move the archive away: they are then read, and called not verified`,
    );
  }
  return "form";
}

/**
 * Unpacks an archive that holds the folder `yields` (a path inside it) to `root/yields`, aside first, and records in
 * `root/yields.json` the SHA-256 of every file and how the archive was checked. An unpacking that fails leaves nothing
 * behind. Several processes may unpack the same at once: each has a place of its own, and the first to end puts the
 * folder there.
 * @throws DataError if the archive is not the published one of its name, is damaged, too long, or does not hold that folder
 */
export async function unpackArchive(
  archive: string,
  published: RemoteFile,
  kind: Unpacking,
  root: string,
  yields: string,
): Promise<void> {
  await checkForm(archive, kind === "zip" ? "zip" : "gzip");
  const checkedBy = await checkPublished(archive, published, join(root, yields));
  removeStaleTemporaries(root);
  const aside = temporaryPath(join(root, yields.replaceAll("/", "-")));
  makeFolders(aside);
  try {
    const files: Record<string, Digest> = {};
    for await (const { name, bytes, content } of entriesOf(archive, published, kind, yields)) {
      files[name] = await write(content, bytes, join(aside, name));
    }
    if (Object.keys(files).length === 0) throw new Error(`it holds no file of ${yields}`);
    makeFolders(dirname(join(root, yields)));
    await moveUnlessThere(aside, join(root, yields), files);
    writeReceipt(join(root, yields), { source: archive, checkedBy, files });
  } catch (error) {
    throw new DataError(`${archive}: cannot be unpacked to ${join(root, yields)}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    discard(aside);
  }
}

/**
 * SHA-256 and length of every file that an archive holds below the folder `yields`, by path relative to it. Writes nothing.
 * @throws DataError if it is damaged or too long
 */
export async function digestArchive(
  archive: string,
  published: RemoteFile,
  kind: Unpacking,
  yields: string,
): Promise<Record<string, Digest>> {
  try {
    const files: Record<string, Digest> = {};
    for await (const { name, content } of entriesOf(archive, published, kind, yields)) {
      files[name] = await digestOf(content);
    }
    return files;
  } catch (error) {
    throw new DataError(`${archive}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** The files below one folder of an archive, by their path relative to it. */
async function* entriesOf(
  archive: string,
  published: RemoteFile,
  kind: Unpacking,
  yields: string,
): AsyncGenerator<{ name: string; bytes: number; content: AsyncIterable<Uint8Array> }> {
  const { unpackedLimit = UNPACKED_LIMIT } = published;
  const entries = kind === "zip" ? zipEntries(archive, unpackedLimit) : tarEntries(archive, unpackedLimit);
  for await (const { path, bytes, content } of entries) {
    const inside = path.startsWith(`${yields}/`);
    if (inside) yield { name: path.slice(yields.length + 1), bytes, content };
    else await digestOf(content); // its checksum counts, its content does not
  }
}

/** Writes a new file. @throws Error if it is there already, or its length is not the promised one */
async function write(content: AsyncIterable<Uint8Array>, bytes: number, path: string): Promise<Digest> {
  makeFolders(dirname(path));
  const hash = createHash("sha256");
  let written = 0;
  const measured = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk);
      written += chunk.length;
      yield chunk;
    }
    if (written !== bytes) throw new Error(`${basename(path)}: expected ${bytes} bytes, found ${written}`);
  };
  await pipeline(measured, createWriteStream(path, { flags: "wx" }));
  return { bytes: written, sha256: hash.digest("hex") };
}

async function digestOf(content: AsyncIterable<Uint8Array>): Promise<Digest> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** Moves a folder with these files to a place where another process may have put the same. */
async function moveUnlessThere(from: string, to: string, files: Record<string, Digest>): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(codeOf(error))) throw error;
    const there = await digestFolder(to);
    const other = Object.keys(files).find((name) => there[name]?.sha256 !== files[name].sha256);
    if (other !== undefined) throw new Error(`the folder is there, without this ${other}`, { cause: error });
  }
}

/** SHA-256 and length of every file below a folder, by path relative to it, in order. */
export async function digestFolder(folder: string): Promise<Record<string, Digest>> {
  const files: Record<string, Digest> = {};
  for (const { path, at } of await filesBelow(folder)) {
    const { bytes, sha256 } = await digestFile(at);
    files[relative(folder, path).replaceAll("\\", "/")] = { bytes, sha256 };
  }
  return files;
}
