import { join } from "node:path";
import { ConfigError, messageOf } from "../core/errors.js";
import { digestFolder } from "./archive.js";
import { digestFile, readReceipt } from "./checksum.js";
import type { DownloadOptions, RemoteFile } from "./download.js";
import { exists } from "./files.js";
import { dataRoot, getSet, isPresent } from "./obtain.js";
import { type DataName, PUBLIC_SETS, type PublicSet } from "./sources.js";

/** Where one part of a data set is, or would be. */
export interface Whereabouts {
  readonly path: string;
  readonly present: boolean;
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
    publicSet(name).parts.map(async (part) => ({
      path: join(root, part.folder),
      present: await isPresent(part, root),
    })),
  );
}

/**
 * Compares what is there with the published checksums, or with the SHA-256 recorded when it was downloaded or
 * unpacked. Reads every byte; changes nothing.
 */
export async function verifyData(name: string, root = dataRoot()): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const part of publicSet(name).parts) {
    const folder = join(root, part.folder);
    const published = part.bundles
      .filter(({ unpacking }) => unpacking === "none")
      .flatMap(({ files }) => files);
    if (!(await isPresent(part, root)))
      verdicts.push({ path: folder, status: "missing", detail: "not there" });
    else if (published.length === 0) verdicts.push(await verifyFolder(folder));
    else for (const file of published) verdicts.push(await verifyFile(join(folder, file.name), file));
  }
  return verdicts;
}

async function verifyFile(path: string, file: RemoteFile): Promise<Verdict> {
  if (!(await exists(path))) return { path, status: "unverified", detail: "only an unpacked copy is there" };
  const found = await digestFile(path);
  const recorded = (await readReceipt(path))?.files[""]?.sha256;
  const expected = file.sha256 ?? recorded;
  if (expected === undefined) return { path, status: "unverified", detail: `sha256 ${found.sha256}` };
  const told = file.sha256 === undefined ? "recorded" : "published";
  return found.sha256 === expected
    ? { path, status: "ok", detail: `${told} sha256 ${expected}` }
    : { path, status: "damaged", detail: `expected ${told} sha256 ${expected}, found ${found.sha256}` };
}

const ORIGINS = {
  sha256: "unpacked from an archive with its published sha256",
  md5: "unpacked from an archive with its published md5",
  form: "unpacked from an archive without a published checksum, or with another",
} as const;

/** Compares an unpacked folder with the checksums that were recorded when it was unpacked. */
async function verifyFolder(path: string): Promise<Verdict> {
  try {
    const receipt = await readReceipt(path);
    if (receipt === undefined)
      return { path, status: "unverified", detail: "it was not unpacked by this program" };
    const found = await digestFolder(path);
    const expected = Object.entries(receipt.files);
    const wrong = expected
      .filter(([name, { sha256 }]) => found[name]?.sha256 !== sha256)
      .map(([name]) => name);
    if (wrong.length === 0)
      return {
        path,
        status: "ok",
        detail: `${expected.length} files with recorded sha256, ${ORIGINS[receipt.checkedBy]}`,
      };
    return {
      path,
      status: "damaged",
      detail: `${wrong.length} of ${expected.length} files differ: ${wrong[0]} ...`,
    };
  } catch (error) {
    return { path, status: "damaged", detail: messageOf(error) };
  }
}
