import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { DataError, messageOf } from "../../core/errors.js";
import { type PreparationProgress, progressMeter } from "../dataset.js";
import { textDecoding } from "./encoding.js";

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
 * Most characters of a line: WikiText's longest has 30,000, and a file without line ends that is longer is no such text.
 */
const LONGEST_LINE = 2 ** 28;

/** Characters of a line after which its words so far are given on, so that a long line takes little memory. */
const PIECE = 2 ** 20;

/** Most characters of a word. */
const LONGEST_WORD = 2 ** 20;

/**
 * The words of a text file, line by line, read as they are needed; a line of more than a million characters comes in
 * several pieces.
 * @throws DataError if it cannot be read, is no text in UTF-8, or holds a line or a word that no text has
 */
export async function* wordLines(path: string, options: ReadingOptions = {}): AsyncGenerator<string[]> {
  const { limit = Infinity, onProgress, signal } = options;
  const { size } = await stat(path).catch((error: unknown) => {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const meter = progressMeter(`words of ${basename(path)}`, size, onProgress);
  let read = 0;
  for await (const { text, bytesRead } of linesOf(path)) {
    signal?.throwIfAborted();
    const words = wordsOf(text).slice(0, limit - read);
    read += words.length;
    yield words;
    meter(bytesRead);
    if (read >= limit) return;
  }
}

/** A line, or a piece of one that ends between two words. */
interface Line {
  readonly text: string;
  /** Bytes of the file that were read for it. */
  readonly bytesRead: number;
}

async function* linesOf(path: string): AsyncGenerator<Line> {
  const stream = createReadStream(path, { highWaterMark: 1 << 18 });
  const decoding = textDecoding(path);
  let rest = "";
  let number = 1;
  let given = 0; // characters of the line that were given on already
  try {
    for await (const chunk of stream) {
      const lines = (rest + decoding.decode(chunk as Buffer)).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? "";
      for (const text of lines) {
        yield { text, bytesRead: stream.bytesRead };
        number++;
        given = 0;
      }
      if (rest.length < PIECE) continue;
      const end = lastSpace(rest);
      given += end;
      if (given + rest.length > LONGEST_LINE || rest.length - end > LONGEST_WORD) {
        const what =
          rest.length - end > LONGEST_WORD
            ? `a word of more than ${LONGEST_WORD}`
            : `more than ${LONGEST_LINE}`;
        throw new DataError(`${path}: line ${number}: expected words, found ${what} characters`);
      }
      yield { text: rest.slice(0, end), bytesRead: stream.bytesRead };
      rest = rest.slice(end);
    }
    rest += decoding.end();
    if (rest !== "") yield { text: rest, bytesRead: stream.bytesRead };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  } finally {
    stream.destroy();
  }
}

/** Where the last white space of a text begins; 0 if it has none. */
function lastSpace(text: string): number {
  for (let i = text.length - 1; i > 0; i--) if (/\s/.test(text[i])) return i;
  return 0;
}
