import { join, relative } from "node:path";
import { readReceipt } from "./checksum.js";
import { fileDigests } from "./identity.js";
import type { Part } from "./sources.js";

/** Path of a file below `folder`, as receipts and published lists name it -> its SHA-256. */
export type Published = (name: string) => string | undefined;

/**
 * The SHA-256 that each file of a part must have for the part to be called by the public set's name; undefined where
 * nothing on this machine says. They are the published ones, where the files are the data; else those that were recorded
 * when an archive was unpacked that had its published checksum.
 */
export async function publishedDigests(root: string, part: Part): Promise<Published | undefined> {
  const files = part.bundles
    .filter(({ unpacking }) => unpacking === "none")
    .flatMap((bundle) => bundle.files);
  if (files.length > 0) return (name) => files.find((file) => file.name === name)?.sha256;
  // A file of that name that is no receipt vouches for nothing.
  const receipt = await readReceipt(join(root, part.folder)).catch(() => undefined);
  if (receipt?.checkedBy !== "sha256" && receipt?.checkedBy !== "md5") return undefined;
  return (name) => receipt.files[name]?.sha256;
}

/** Whether every file has its published checksum. Reads a file only if it is new or was changed since the last time. */
export async function areVerified(root: string, part: Part, paths: readonly string[]): Promise<boolean> {
  const published = await publishedDigests(root, part);
  const folder = join(root, part.folder);
  const expected = paths.map((path) => published?.(relative(folder, path).replaceAll("\\", "/")));
  if (expected.includes(undefined)) return false;
  const found = await fileDigests(root, paths);
  return expected.every((digest, i) => digest === found[i]);
}
