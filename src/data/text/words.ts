import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { createInterface } from "node:readline";
import { DataError, messageOf } from "../../core/errors.js";
import { type PreparationProgress, progressMeter } from "../dataset.js";

/** WikiText's mark for a word outside its own vocabulary; it is kept whole. */
export const UNKNOWN = "<unk>";

/** Unicode punctuation and symbols: `@`, `=`, quotes, dashes, currency signs. */
const DROPPED = /[\p{P}\p{S}]/gu;

/**
 * The words of a line (PAPER.md section 2, "Text"): split at white space; `<unk>` kept; every other word lower-cased and
 * rid of all punctuation and symbols; words of which nothing is left (WikiText's `,`, `@-@`, `=`) dropped. So
 * " = Robert <unk> = " becomes robert, <unk> and "he 's 40 @,@ 000 strong" becomes he, s, 40, 000, strong.
 */
export function wordsOf(line: string): string[] {
  return line
    .split(/\s+/)
    .map((word) => (word === UNKNOWN ? word : word.toLowerCase().replace(DROPPED, "")))
    .filter((word) => word !== "");
}

/** How a text file is read. */
export interface ReadingOptions {
  /** Stop after this many words; default all. */
  readonly limit?: number;
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * The words of a text file, line by line, read as they are needed.
 * @throws DataError if it cannot be read or is an HTML page
 */
export async function* wordLines(path: string, options: ReadingOptions = {}): AsyncGenerator<string[]> {
  const { limit = Infinity, onProgress, signal } = options;
  const { size } = await stat(path).catch((error: unknown) => {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const stream = createReadStream(path, "utf8");
  const meter = progressMeter(`words of ${basename(path)}`, size, onProgress);
  let read = 0;
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Infinity })) {
      signal?.throwIfAborted();
      if (read === 0 && HTML.test(line)) throw new DataError(`${path}: expected text, found an HTML page`);
      const words = wordsOf(line).slice(0, limit - read);
      read += words.length;
      yield words;
      meter(stream.bytesRead);
      if (read >= limit) return;
    }
  } finally {
    stream.destroy();
  }
}

const HTML = /^\s*<(!doctype|html)/i;
