import * as fs from "node:fs";
import { DataError, SpectralError } from "../core/errors.js";
import { reasonOf } from "../core/files/io-error.js";

/** A file or buffer that can be read in parts. */
export interface ByteSource {
  /** Its name in errors. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`. */
  read(offset: number, length: number): Uint8Array;
}

/** An open file; `close` it afterwards. */
export interface OpenFile extends ByteSource {
  /** When it was last changed, milliseconds. */
  readonly modified: number;
  close(): void;
}

/** Opens a file for reading in parts. @throws DataError if it cannot be read, also later, at a read */
export function openFile(path: string): OpenFile {
  const guard = <T>(action: () => T): T => {
    try {
      return action();
    } catch (error) {
      if (error instanceof SpectralError) throw error;
      throw new DataError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
    }
  };
  return guard(() => {
    const stat = fs.statSync(path);
    if (!stat.isFile()) throw new DataError(`cannot read ${path}: expected a file, found a folder or device`);
    const file = fs.openSync(path, "r");
    return {
      name: path,
      size: stat.size,
      modified: stat.mtimeMs,
      read: (offset, length) => guard(() => readExactly(file, path, offset, length)),
      close: () => fs.closeSync(file),
    };
  });
}

function readExactly(file: number, path: string, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length); // its own memory, so that typed views of it are aligned
  let filled = 0;
  while (filled < length) {
    const count = fs.readSync(file, bytes, filled, Math.min(length - filled, 2 ** 30), offset + filled);
    if (count === 0) throw new DataError(`${path}: expected ${length} bytes at ${offset}, found ${filled}`);
    filled += count;
  }
  return bytes;
}
