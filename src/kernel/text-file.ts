import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { DataError } from "../core/errors.js";
import { reasonOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";

/** Larger files cannot be one string of JavaScript. */
const LARGEST_BYTES = 500 * 2 ** 20;

/**
 * What a notebook's file holds, parsed.
 * @throws DataError naming the file and what it is instead of JSON
 */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw unreadable(path, otherThanJson(text) ?? `no JSON: ${said(error, text)}`);
  }
}

async function readText(path: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw unreadable(path, reasonOf(error), error);
  }
  if (bytes.length > LARGEST_BYTES)
    throw unreadable(path, `${bytes.length} bytes, at most ${LARGEST_BYTES} can be read`);
  if (/^(fffe|feff)/.test(bytes.toString("hex", 0, 2)))
    throw unreadable(path, "text in UTF-16; save it as UTF-8");
  if (!isUtf8(bytes)) throw unreadable(path, "not text in UTF-8");
  return bytes.toString().replace(/^\ufeff/, ""); // a byte order mark, as Windows' editors write it
}

/** What people have under a notebook's name that is none. */
function otherThanJson(text: string): string | undefined {
  if (text.trim() === "") return "the file is empty";
  if (text.startsWith("version https://git-lfs.github.com/"))
    return "a Git LFS pointer, not the notebook itself; fetch it with git lfs pull";
  if (/^\s*<(!doctype|html|head|\?xml|!--)/i.test(text))
    return "a page of HTML, perhaps one that shows the notebook; download the file itself";
  const conflict = text.search(/^<{7}( |$)/m);
  if (conflict >= 0) return `a merge conflict that is not resolved, at line ${lineAt(text, conflict)}`;
  return undefined;
}

/** The parser's message, with the line in place of the position. */
function said(error: unknown, text: string): string {
  const message = printable(error instanceof Error ? error.message : String(error), 200);
  return message.replace(/at position (\d+).*/, (_, position) => `at line ${lineAt(text, Number(position))}`);
}

function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

function unreadable(path: string, why: string, cause?: unknown): DataError {
  return new DataError(`${printable(path)}: not a readable notebook: ${why}`, { cause });
}
