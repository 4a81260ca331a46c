import { stat } from "node:fs/promises";
import { relative } from "node:path";
import type { Json } from "../core/hash.js";
import { type Cached, cached, isTexts } from "./cache.js";
import { digestFile } from "./checksum.js";

/** Length in bytes and time of change: what a file is taken to be known by; null where there is none. */
export async function fileIdentity(path: string): Promise<Json> {
  return stat(path).then(
    ({ size, mtimeMs }) => [size, Math.round(mtimeMs)],
    () => null,
  );
}

/**
 * SHA-256 of files, hexadecimal, in their order. Each is read once: the digests are kept in `<root>/cache/` under the
 * paths below `root`, sizes and times.
 * @throws DataError if one cannot be read
 */
export async function fileDigests(root: string, paths: readonly string[]): Promise<readonly string[]> {
  const files = await Promise.all(
    paths.map(async (path) => [relative(root, path).replaceAll("\\", "/"), await fileIdentity(path)]),
  );
  const compute = async (): Promise<Cached> => {
    const digests: string[] = [];
    for (const path of paths) digests.push((await digestFile(path)).sha256);
    return { meta: digests, data: new Int32Array(0) };
  };
  const fits = ({ meta }: Cached): boolean => isTexts(meta) && meta.length === paths.length;
  const { meta } = await cached(root, "digests", files, compute, fits);
  return meta as readonly string[];
}
