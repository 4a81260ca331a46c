import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";
import { openPromise } from "yauzl";
import { DataError, messageOf } from "../core/errors.js";
import { discard, removeStaleTemporaries, temporaryPath } from "../core/files/atomic.js";
import { codeOf } from "../core/files/io-error.js";
import { type Digest, type Receipt, digestFile, writeReceipt } from "./checksum.js";
import type { RemoteFile } from "./download.js";
import { filesBelow } from "./files.js";
import { checkForm } from "./form.js";

/** How the files of a bundle become a folder. */
export type Unpacking = "tar.gz" | "zip";

/**
 * How the bytes of an archive, downloaded or left in the root by hand, are known to be right: by a published checksum
 * that they have, else only by their form.
 */
async function checkedBy(archive: string, published: RemoteFile): Promise<Receipt["checkedBy"]> {
  const found = await digestFile(archive);
  if (published.sha256 !== undefined) return found.sha256 === published.sha256 ? "sha256" : "form";
  return published.md5 !== undefined && found.md5 === published.md5 ? "md5" : "form";
}

/**
 * Unpacks an archive that holds the folder `yields` (a path inside it) to `root/yields`, aside first, and records in
 * `root/yields.json` the SHA-256 of every file and how the archive was checked. An unpacking that fails leaves nothing
 * behind. Several processes may unpack the same at once: each has a place of its own, and the first to end puts the
 * folder there.
 * @throws DataError if the archive is damaged or does not hold that folder
 */
export async function unpackArchive(
  archive: string,
  published: RemoteFile,
  kind: Unpacking,
  root: string,
  yields: string,
): Promise<void> {
  await checkForm(archive, kind === "zip" ? "zip" : "gzip");
  removeStaleTemporaries(root);
  const aside = temporaryPath(join(root, yields.replaceAll("/", "-")));
  await mkdir(aside, { recursive: true });
  try {
    await (kind === "zip" ? unzip(archive, aside) : untar(archive, aside));
    const receipt = {
      source: archive,
      checkedBy: await checkedBy(archive, published),
      files: await digestFolder(join(aside, yields)),
    };
    await mkdir(dirname(join(root, yields)), { recursive: true });
    await moveUnlessThere(join(aside, yields), join(root, yields), receipt.files);
    writeReceipt(join(root, yields), receipt);
  } catch (error) {
    throw new DataError(`${archive}: cannot be unpacked to ${join(root, yields)}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    discard(aside);
  }
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
  for (const path of await filesBelow(folder)) {
    const { bytes, sha256 } = await digestFile(path);
    files[relative(folder, path).replaceAll("\\", "/")] = { bytes, sha256 };
  }
  return files;
}

async function untar(archive: string, target: string): Promise<void> {
  await pipeline(createReadStream(archive), createGunzip(), unpackTar(target));
}

async function unzip(archive: string, target: string): Promise<void> {
  const zip = await openPromise(archive); // refuses names that leave the target
  try {
    for await (const entry of zip.eachEntry()) {
      const path = join(target, entry.fileName);
      await mkdir(entry.fileName.endsWith("/") ? path : dirname(path), { recursive: true });
      if (entry.fileName.endsWith("/")) continue;
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path));
    }
  } finally {
    zip.close();
  }
}
