import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, parse, resolve } from "node:path";
import { DataError } from "../core/errors.js";
import { unpackArchive } from "./archive.js";
import type { DataOptions } from "./dataset.js";
import { DownloadError, type DownloadOptions, type RemoteFile, download, lockPlace } from "./download.js";
import { exists } from "./files.js";
import { findPart, gapOf } from "./place.js";
import { writeTokensFromParquet } from "./parquet.js";
import type { Bundle, Part, PublicSet } from "./sources.js";

/** Where data sets live: SPECTRAL_DATA if set, else `data` in the nearest folder upwards that has a package.json. */
export function dataRoot(): string {
  if (process.env.SPECTRAL_DATA) return resolve(process.env.SPECTRAL_DATA);
  const start = process.cwd();
  for (let folder = start; folder !== parse(folder).root; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return join(folder, "data");
  }
  return join(start, "data");
}

/** A data set that is there, or why it is not. */
export type Obtained = { readonly root: string } | { readonly absent: string };

/**
 * Looks for a data set, in this order: its folders; its archives, left in the root by hand, which are unpacked; its
 * public sources, where `allowDownload` lets it.
 * @returns the root that now holds it, or the reason why nothing does (a stand-in was asked for, no copy, no network)
 * @throws DataError if an archive is damaged, or if the data are absent and `standIn` is "never"
 */
export async function obtain(set: PublicSet, options: DataOptions = {}): Promise<Obtained> {
  const { root = dataRoot(), standIn = "auto", allowDownload = downloadsAllowed() } = options;
  const generated = set.generated === undefined ? "" : `; training on ${set.generated}`;
  if (standIn === "always") return { absent: "a stand-in was asked for" };
  const missing = await firstMissing(set, root);
  if (missing === undefined) return { root };
  const gap = await gapOf(missing, root);
  let absent = gap === undefined ? `no copy at ${join(root, missing.folder)}` : `no ${set.title} at ${gap}`;
  if (allowDownload) {
    try {
      await getSet(set, root, options);
      return { root };
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      absent += `; ${error.message}`;
    }
  } else {
    absent += ", and downloads are off";
  }
  if (standIn === "never")
    throw new DataError(`${set.title}: ${absent}; get it with: spectral data get ${set.name}`);
  return { absent: `${absent}${generated}` };
}

/**
 * Gets a data set into `root`, as far as it is not there yet.
 * @throws DownloadError naming every source and what was wrong with it
 */
export async function getSet(set: PublicSet, root: string, options: DownloadOptions = {}): Promise<void> {
  for (let part; (part = await firstMissing(set, root)) !== undefined;) {
    const missing = part;
    await alone(part, root, options, () => fetchPart(missing, root, options));
  }
}

/** Whether every file of a part is there, in any folder and under any names that are accepted. */
export async function isPresent(part: Part, root: string): Promise<boolean> {
  return (await findPart(part, root)) !== undefined;
}

function downloadsAllowed(): boolean {
  return (process.env.SPECTRAL_OFFLINE ?? "0") === "0";
}

/** The first part that is neither there nor could be unpacked from an archive in the root. */
async function firstMissing(set: PublicSet, root: string): Promise<Part | undefined> {
  for (const part of set.parts) {
    if (!(await isPresent(part, root)) && !(await unpackOffline(part, root))) return part;
  }
  return undefined;
}

/** Unpacks an archive of this part that lies in the root. @returns whether there was one */
async function unpackOffline(part: Part, root: string): Promise<boolean> {
  for (const bundle of part.bundles) {
    if (bundle.unpacking === "none") continue;
    const paths = bundle.files.map((file) => join(root, file.name));
    if (!(await Promise.all(paths.map(exists))).every(Boolean)) continue;
    await alone(part, root, {}, () => unpack(bundle, part, root));
    return true;
  }
  return false;
}

/** Does what puts a part there, as the only process that does; nothing if another one did so meanwhile. */
async function alone(
  part: Part,
  root: string,
  options: DownloadOptions,
  action: () => Promise<void>,
): Promise<void> {
  const lock = await lockPlace(join(root, `.${part.folder.replaceAll("/", "-")}.lock`), part.folder, options);
  try {
    if (!(await isPresent(part, root))) await action();
  } finally {
    lock.release();
  }
}

/** Downloads and unpacks a part by the first bundle that works. */
async function fetchPart(part: Part, root: string, options: DownloadOptions): Promise<void> {
  const failures: string[] = [];
  for (const bundle of part.bundles) {
    const folder = bundle.unpacking === "none" ? join(root, part.folder) : root;
    try {
      for (const file of bundle.files) await downloadUnlessThere(file, join(folder, file.name), options);
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      failures.push(error.message);
      continue;
    }
    if (bundle.unpacking === "none") return;
    await unpack(bundle, part, root);
    // The unpacked files carry their own checksums now; the archive would only double the space.
    for (const file of bundle.files) {
      await rm(join(root, file.name), { force: true });
      await rm(join(root, `${file.name}.json`), { force: true });
    }
    return;
  }
  throw new DownloadError(failures.join("\n"));
}

async function downloadUnlessThere(file: RemoteFile, path: string, options: DownloadOptions): Promise<void> {
  if (!(await exists(path))) await download(file, path, options);
}

/** Where a bundle is unpacked to, below the root. */
export function folderOf(bundle: Bundle, part: Part): string {
  return bundle.folder ?? part.folder;
}

async function unpack(bundle: Bundle, part: Part, root: string): Promise<void> {
  const paths = bundle.files.map((file) => join(root, file.name));
  if (bundle.unpacking === "none") return;
  if (bundle.unpacking === "parquet") await writeTokensFromParquet(paths, join(root, part.folder));
  else {
    for (const [i, file] of bundle.files.entries())
      await unpackArchive(paths[i], file, bundle.unpacking, root, folderOf(bundle, part));
  }
  if (await isPresent(part, root)) return;
  throw new DataError(
    `${join(root, folderOf(bundle, part))}: expected ${part.needs.join(", ")} in ${paths.join(", ")}`,
  );
}
