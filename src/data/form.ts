import { open } from "node:fs/promises";
import { DataError, messageOf } from "../core/errors.js";

/** Kinds of file that are known by their first bytes. */
export type Form = "gzip" | "zip" | "parquet" | "json";

const FIRST_BYTES: Readonly<Record<Form, string>> = {
  gzip: "\x1f\x8b",
  zip: "PK",
  parquet: "PAR1",
  json: "{",
};

/**
 * Checks the first bytes of a file: a login or error page saved in place of an archive is found here.
 * @throws DataError naming the path, what was expected and what was found
 */
export async function checkForm(path: string, form: Form): Promise<void> {
  const start = await firstBytes(path);
  if (/^\s*<(!doctype|html|\?xml)/i.test(start)) {
    throw new DataError(`${path}: expected ${form} data, found an HTML page`);
  }
  if (!start.trimStart().startsWith(FIRST_BYTES[form])) {
    const hex = Buffer.from(start.slice(0, 4), "latin1").toString("hex");
    throw new DataError(`${path}: expected ${form} data, found bytes that begin ${hex || "(none)"}`);
  }
}

async function firstBytes(path: string): Promise<string> {
  try {
    const handle = await open(path);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(64), 0, 64, 0);
      return buffer.toString("latin1", 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
}
