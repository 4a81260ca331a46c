import { join } from "node:path";
import { ConfigError, messageOf } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { checkPublished, digestArchive, digestFolder } from "./archive.js";
import { type Receipt, digestFile, readReceipt } from "./checksum.js";
import type { DownloadOptions, RemoteFile } from "./download.js";
import { isFile } from "./files.js";
import { dataRoot, folderOf, getSet } from "./obtain.js";
import { findPart, gapOf } from "./place.js";
import { type DataName, PUBLIC_SETS, type Part, type PublicSet } from "./sources.js";
import { wasPublished } from "./verified.js";

/** Where one part of a data set is, or would be. */
export interface Whereabouts {
  readonly path: string;
  readonly present: boolean;
  /** Of a part that is there in part: what it lacks, and what was found. */
  readonly gap?: string;
}

/** What is known about one file or folder of a data set. */
export interface Verdict {
  readonly path: string;
  /** "unverified": it is there, but came from elsewhere and no checksum is known for it. */
  readonly status: "ok" | "damaged" | "missing" | "unverified";
  readonly detail: string;
}

/** The data set of that name. @throws ConfigError listing the names there are */
export function publicSet(name: string): PublicSet {
  if (Object.hasOwn(PUBLIC_SETS, name)) return PUBLIC_SETS[name as DataName];
  throw new ConfigError(`data set: expected one of ${Object.keys(PUBLIC_SETS).join(", ")}, found "${name}"`);
}

/**
 * Gets a public data set, as far as it is not there: unpacks an archive left in the root, else downloads it.
 * @returns where its parts are
 * @throws DownloadError naming every source and what was wrong with it
 */
export async function getData(
  name: string,
  options: DownloadOptions & { readonly root?: string } = {},
): Promise<Whereabouts[]> {
  const { root = dataRoot() } = options;
  await getSet(publicSet(name), root, options);
  return whereData(name, root);
}

/** Where the parts of a data set are, or would be. */
export async function whereData(name: string, root = dataRoot()): Promise<Whereabouts[]> {
  return Promise.all(
    publicSet(name).parts.map(async (part) => {
      const place = await findPart(part, root);
      if (place) return { path: place.folder, present: true };
      const gap = await gapOf(part, root);
      return { path: join(root, part.folder), present: false, ...(gap !== undefined && { gap }) };
    }),
  );
}

/**
 * Compares what is there with the published checksums: the files themselves, where they are what is published; else an
 * archive that still lies in the root, and the files with those in it; else the files with the SHA-256 that were
 * recorded when they were unpacked from an archive with its published checksum. Reads every byte; changes nothing.
 */
export function verifyData(name: string, root = dataRoot()): Promise<Verdict[]> {
  return verifySet(publicSet(name), root);
}

/** `verifyData` of a set that need not be one of the public ones. */
export async function verifySet(set: PublicSet, root: string): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const part of set.parts) verdicts.push(...(await verifyPart(part, root)));
  return verdicts;
}

async function verifyPart(part: Part, root: string): Promise<Verdict[]> {
  const place = await findPart(part, root).catch(asDamage(join(root, part.folder)));
  if (place === undefined) {
    const gap = await gapOf(part, root);
    const detail = gap === undefined ? "not there" : `not complete: ${gap}`;
    return [{ path: join(root, part.folder), status: "missing", detail }];
  }
  if ("status" in place) return [place];
  const published = part.bundles
    .filter(({ unpacking }) => unpacking === "none")
    .flatMap(({ files }) => files);
  if (published.length > 0)
    return Promise.all([...place.files].map(([need, path]) => verifyFile(path, need, published)));
  return verifyFolder(part, root, place.folder);
}

/** Turns an error into a verdict on what lies at `path`. */
function asDamage(path: string): (error: unknown) => Verdict {
  return (error) => ({ path, status: "damaged", detail: messageOf(error) });
}

/** Compares a file that is itself published, packed or not, with its checksum; else with the one of its download. */
async function verifyFile(path: string, need: string, published: readonly RemoteFile[]): Promise<Verdict> {
  try {
    const packed = path.endsWith(".gz") && !need.endsWith(".gz");
    const file = published.find(({ name }) => name === need || name === `${need}.gz`);
    const known = file?.name === need || packed ? file?.sha256 : file?.plainSha256;
    const recorded = (await readReceipt(path).catch(() => undefined))?.files[""]?.sha256;
    const expected = known ?? recorded;
    const found = await digestFile(path);
    const detail = known === undefined ? "recorded when it was downloaded" : "published";
    if (expected === undefined) return { path, status: "unverified", detail: `sha256 ${found.sha256}` };
    if (found.sha256 !== expected)
      return {
        path,
        status: "damaged",
        detail: `expected sha256 ${expected} (${detail}), found ${found.sha256}`,
      };
    const status = known === undefined ? "unverified" : "ok";
    return { path, status, detail: `sha256 ${expected} (${detail})` };
  } catch (error) {
    return asDamage(path)(error);
  }
}

/** Compares an unpacked folder with its archive, where that still lies in the root, else with its receipt. */
async function verifyFolder(part: Part, root: string, folder: string): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let expected: Expected | undefined;
  try {
    for (const bundle of part.bundles) {
      const [file] = bundle.files;
      const path = join(root, file.name);
      const yields = folderOf(bundle, part);
      if (bundle.unpacking === "parquet" || bundle.unpacking === "none" || !(await isFile(path))) continue;
      try {
        const checkedBy = await checkPublished(path, file, join(root, yields));
        if (join(root, yields) !== folder) continue;
        const files = await digestArchive(path, file, bundle.unpacking, yields);
        expected = { files, by: `those in ${file.name}`, published: checkedBy !== "form" };
      } catch (error) {
        verdicts.push(asDamage(path)(error));
      }
    }
    expected ??= await expectedByReceipt(folder);
    return [...verdicts, await compare(folder, expected)];
  } catch (error) {
    return [...verdicts, asDamage(folder)(error)];
  }
}

/** The files that a folder should hold, and who says so. */
interface Expected {
  readonly files: Receipt["files"];
  readonly by: string;
  /** Whether the archive that they come from had its published checksum. */
  readonly published: boolean;
}

async function expectedByReceipt(folder: string): Promise<Expected | undefined> {
  const receipt = await readReceipt(folder);
  return (
    receipt && {
      files: receipt.files,
      by: "those recorded when it was unpacked",
      published: wasPublished(receipt),
    }
  );
}

async function compare(path: string, expected: Expected | undefined): Promise<Verdict> {
  if (expected === undefined)
    return {
      path,
      status: "unverified",
      detail: "it was not unpacked by this program, and its archive is gone",
    };
  const { by, published } = expected;
  const found = await digestFolder(path);
  const names = Object.keys(expected.files);
  const digestOf = (files: Receipt["files"], name: string): string | undefined =>
    Object.hasOwn(files, name) ? files[name].sha256 : undefined;
  const wrong = names.filter((name) => digestOf(found, name) !== digestOf(expected.files, name));
  const foreign = Object.keys(found).filter((name) => digestOf(expected.files, name) === undefined);
  if (wrong.length > 0)
    return {
      path,
      status: "damaged",
      detail: `${wrong.length} of ${names.length} files differ: ${printable(wrong[0])} ...`,
    };
  if (foreign.length > 0)
    return {
      path,
      status: "unverified",
      detail: `${names.length} files agree with ${by}, ${foreign.length} others are there: ${printable(foreign[0])} ...`,
    };
  const origin = published
    ? "its archive had its published checksum"
    : "no published checksum says that its archive was the right one";
  return {
    path,
    status: published && names.length > 0 ? "ok" : "unverified",
    detail: `${names.length} files agree with ${by}; ${origin}`,
  };
}
