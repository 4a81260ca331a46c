import { basename, join } from "node:path";
import {
  type Compressors,
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  snappyUncompress,
} from "hyparquet";
import { DataError, messageOf } from "../core/errors.js";
import { writeStreamAtomic } from "../core/files/atomic.js";
import { digestFolder } from "./archive.js";
import { writeReceipt } from "./checksum.js";
import { checkForm } from "./form.js";

/** Rows decoded at a time, to keep memory small. */
const ROWS = 100_000;

/**
 * Writes `wiki.train.tokens` and `wiki.valid.tokens` from Parquet files with one line of text per row in column `text`;
 * a file whose name begins with "train" or "validation" belongs to that split, in the order given.
 * @throws DataError if a file is damaged or has no such column
 */
export async function writeTokensFromParquet(paths: readonly string[], folder: string): Promise<void> {
  const train = paths.filter((path) => basename(path).startsWith("train"));
  const valid = paths.filter((path) => basename(path).startsWith("validation"));
  await writeStreamAtomic(join(folder, "wiki.valid.tokens"), lines(valid));
  await writeStreamAtomic(join(folder, "wiki.train.tokens"), lines(train));
  writeReceipt(folder, {
    source: paths.join(" "),
    checkedBy: "form",
    files: await digestFolder(folder),
  });
}

/** Most rows of a file; WikiText-103's training text has 1.8 million in two. */
const MOST_ROWS = 20_000_000;

/** Most bytes of a page of a column; writers make pages of about 1 MiB. */
const LONGEST_PAGE = 2 ** 28;

/** Most characters of all rows of a file; WikiText-103's training text has 540 million in two. */
const MOST_CHARACTERS = 2 ** 31;

/** Unpacks pages, and not by whatever length a damaged header promises. */
const compressors: Compressors = {
  SNAPPY: (input, length) => {
    if (length > LONGEST_PAGE) throw new Error(`a page of ${length} bytes, expected at most ${LONGEST_PAGE}`);
    const output = new Uint8Array(length);
    snappyUncompress(input, output);
    return output;
  },
};

async function* lines(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    await checkForm(path, "parquet");
    try {
      const file = await asyncBufferFromFile(path);
      const rows = Number((await parquetMetadataAsync(file)).num_rows);
      if (!(rows >= 0 && rows <= MOST_ROWS)) throw new Error(`${rows} rows, expected at most ${MOST_ROWS}`);
      let characters = 0;
      for (let rowStart = 0; rowStart < rows; rowStart += ROWS) {
        const rowEnd = Math.min(rowStart + ROWS, rows);
        const texts = await parquetReadObjects({ file, columns: ["text"], rowStart, rowEnd, compressors });
        if (texts.length !== rowEnd - rowStart)
          throw new Error(`expected ${rowEnd - rowStart} rows from ${rowStart} on, found ${texts.length}`);
        for (const { text } of texts) {
          if (typeof text !== "string") throw new Error("column text must hold strings");
          if ((characters += text.length) > MOST_CHARACTERS)
            throw new Error(`more than ${MOST_CHARACTERS} characters, the most expected`);
          yield text.endsWith("\n") ? text : `${text}\n`;
        }
      }
    } catch (error) {
      throw new DataError(`${path}: cannot be read as Parquet: ${messageOf(error)}`, { cause: error });
    }
  }
}
