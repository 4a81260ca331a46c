import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { unpackTar } from "modern-tar/fs";
import { openPromise } from "yauzl";
import { DataError, messageOf } from "../core/errors.js";
import { type Digest, digestFile, writeReceipt } from "./checksum.js";
import { filesBelow } from "./files.js";
import { checkForm } from "./form.js";

/** How the files of a bundle become a folder. */
export type Unpacking = "tar.gz" | "zip";

/**
 * Unpacks an archive that holds the folder `yields` (a path inside it) to `root/yields`, aside first, and records the
 * SHA-256 of every file in `root/yields.json`. An unpacking that fails leaves nothing behind.
 * @throws DataError if the archive is damaged or does not hold that folder
 */
export async function unpackArchive(
  archive: string,
  kind: Unpacking,
  root: string,
  yields: string,
): Promise<void> {
  await checkForm(archive, kind === "zip" ? "zip" : "gzip");
  const aside = join(root, `.unpacking-${yields.replaceAll("/", "-")}`);
  await rm(aside, { recursive: true, force: true });
  await mkdir(aside, { recursive: true });
  try {
    await (kind === "zip" ? unzip(archive, aside) : untar(archive, aside));
    const files = await digestFolder(join(aside, yields));
    await mkdir(dirname(join(root, yields)), { recursive: true });
    await rename(join(aside, yields), join(root, yields));
    await writeReceipt(join(root, yields), { source: archive, checkedBy: "form", files });
  } catch (error) {
    throw new DataError(`${archive}: cannot be unpacked to ${join(root, yields)}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
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
