import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { DataError, messageOf } from "../core/errors.js";
import { checkForm } from "./form.js";

/** Whether anything is at `path`. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Paths of all files below a folder, sorted. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A whole file, unpacked if its name ends in `.gz`. @throws DataError if it cannot be read or unpacked */
export async function readData(path: string): Promise<Buffer> {
  if (path.endsWith(".gz")) await checkForm(path, "gzip");
  try {
    const bytes = await readFile(path);
    return path.endsWith(".gz") ? await promisify(gunzip)(bytes) : bytes;
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
