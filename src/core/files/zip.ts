import * as fs from "node:fs";
import { Readable } from "node:stream";
import { fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from "yauzl";

/**
 * Opens a zip archive; `close` it afterwards. Names that could lead out of a folder are errors when they are reached.
 * @throws Error if it cannot be read or is no zip archive
 */
export async function openZip(path: string): Promise<ZipFile> {
  const file = fs.openSync(path, "r");
  try {
    const { size } = fs.fstatSync(file);
    const options = { strictFileNames: true, lazyEntries: true, autoClose: false };
    return await fromRandomAccessReaderPromise(new FileReader(file, size), size, options);
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

const PIECE = 2 ** 16; // bytes

/** An archive may send its reader anywhere: places outside the file, at which Node itself would throw past every handler. */
class FileReader extends RandomAccessReader {
  constructor(
    private readonly file: number,
    private readonly size: number,
  ) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, count?: number) => void,
  ): void {
    if (position >= 0 && position + length <= this.size)
      fs.read(this.file, buffer, offset, length, position, callback);
    else setImmediate(callback, new Error(`it names bytes at ${position}, beyond its ${this.size}`));
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(this.pieces(start, end), { objectMode: false });
  }

  /** A stream of Node's own would close the file at its end. */
  private async *pieces(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end;) {
      const buffer = Buffer.allocUnsafe(Math.min(PIECE, end - at));
      const count = await new Promise<number>((resolve, reject) => {
        fs.read(this.file, buffer, 0, buffer.length, at, (error, read) =>
          error ? reject(error) : resolve(read),
        );
      });
      if (count === 0) throw new Error(`it was cut short to ${at} bytes while it was read`);
      at += count;
      yield buffer.subarray(0, count);
    }
  }

  override close(callback: (error: Error | null) => void): void {
    fs.close(this.file, callback);
  }
}
