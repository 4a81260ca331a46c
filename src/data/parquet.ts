import { basename, join } from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { DataError, messageOf } from "../core/errors.js";
import { writeStreamAtomic } from "../core/files/atomic.js";
import { digestFolder } from "./archive.js";
import { writeReceipt } from "./checksum.js";

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

async function* lines(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    try {
      const file = await asyncBufferFromFile(path);
      const rows = Number((await parquetMetadataAsync(file)).num_rows);
      for (let rowStart = 0; rowStart < rows; rowStart += ROWS) {
        const rowEnd = Math.min(rowStart + ROWS, rows);
        const texts = await parquetReadObjects({ file, columns: ["text"], rowStart, rowEnd });
        for (const { text } of texts) {
          if (typeof text !== "string") throw new Error("column text must hold strings");
          yield text.endsWith("\n") ? text : `${text}\n`;
        }
      }
    } catch (error) {
      throw new DataError(`${path}: cannot be read as Parquet: ${messageOf(error)}`, { cause: error });
    }
  }
}
