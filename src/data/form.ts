import { open } from "node:fs/promises";
import { DataError, messageOf } from "../core/errors.js";
import { formatOf } from "../core/files/format.js";

/** Forms in which data are published. */
export type Form = "gzip" | "zip" | "parquet" | "json";

/**
 * Checks the first bytes of a file: a login or error page saved in place of an archive is found here.
 * @throws DataError naming the path, what was expected and what was found
 */
export async function checkForm(path: string, form: Form): Promise<void> {
  const start = await firstBytes(path);
  const found = formatOf(start);
  if (found?.name === form) return;
  const unknown = `bytes that begin ${start.toString("hex", 0, 4) || "(none)"}`;
  throw new DataError(`${path}: expected ${form} data, found ${found?.description ?? unknown}`);
}

async function firstBytes(path: string): Promise<Buffer> {
  try {
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
