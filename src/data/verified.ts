import { basename, relative } from "node:path";
import { type Receipt, readReceipt } from "./checksum.js";
import { fileDigests } from "./identity.js";
import type { Part } from "./sources.js";

/** Path of a file below the part's folder, as receipts and published lists name it -> its SHA-256. */
export type Published = (name: string) => string | undefined;

/**
 * The SHA-256 that each file in `folder` must have for the part to be called by the public set's name; undefined where
 * nothing on this machine says. They are the published ones, where the files are the data; else those that were recorded
 * when an archive was unpacked that had its published checksum.
 */
export async function publishedDigests(folder: string, part: Part): Promise<Published | undefined> {
  const files = part.bundles
    .filter(({ unpacking }) => unpacking === "none")
    .flatMap((bundle) => bundle.files);
  if (files.length > 0)
    return (path) => {
      const name = basename(path).replace(/\.(idx\d)/, "-$1"); // "train-images.idx3-ubyte", as some have it
      const packed = files.find((file) => file.name === name);
      return packed ? packed.sha256 : files.find((file) => file.name === `${name}.gz`)?.plainSha256;
    };
  // A file of that name that is no receipt vouches for nothing.
  const receipt = await readReceipt(folder).catch(() => undefined);
  if (receipt === undefined || !wasPublished(receipt)) return undefined;
  return (name) => (Object.hasOwn(receipt.files, name) ? receipt.files[name].sha256 : undefined);
}

/** Whether the archive that a folder was unpacked from had its published checksum. */
export function wasPublished({ checkedBy }: Receipt): boolean {
  return checkedBy === "sha256" || checkedBy === "md5";
}

/** Whether every file has its published checksum. Reads a file only if it is new or was changed since the last time. */
export async function areVerified(
  root: string,
  folder: string,
  part: Part,
  paths: readonly string[],
): Promise<boolean> {
  const published = await publishedDigests(folder, part);
  const expected = paths.map((path) => published?.(relative(folder, path).replaceAll("\\", "/")));
  if (expected.includes(undefined)) return false;
  const found = await fileDigests(root, paths);
  return expected.every((digest, i) => digest === found[i]);
}
