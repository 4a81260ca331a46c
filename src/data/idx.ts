import { DataError } from "../core/errors.js";
import { readData } from "./files.js";

/** Most bytes of elements that are read: MNIST's training images, the longest of its files, are 47 MB. */
const LONGEST = 2 ** 28;

/** An array of unsigned bytes. */
export interface Idx {
  readonly shape: number[];
  readonly data: Uint8Array;
}

/**
 * Reads an idx file, gzipped or not; never more of it than its header says, nor than 256 MiB.
 * @throws DataError if it cannot be read, is foreign, or is longer or shorter than its header says
 */
export async function readIdx(path: string, rank: number): Promise<Idx> {
  const bytes = await readData(path, (start) => {
    const { shape, size } = parseHeader(start, rank, path);
    if (size <= LONGEST) return 4 + 4 * rank + size;
    throw new DataError(
      `${path}: an idx of shape [${shape}] holds ${size} bytes, expected at most ${LONGEST}`,
    );
  });
  return parseIdx(bytes, rank, path);
}

/**
 * Parses an idx file of unsigned bytes, the format of MNIST: two zero bytes, the element type (8 = unsigned byte), the
 * number of dimensions, each size as a big-endian uint32, then the elements.
 * @param place what an error names, usually the path
 * @throws DataError if the header is foreign, or the elements are fewer or more than the header says
 */
export function parseIdx(bytes: Uint8Array, rank: number, place: string): Idx {
  const { shape, size } = parseHeader(bytes, rank, place);
  const header = 4 + 4 * rank;
  if (bytes.length - header !== size) {
    throw new DataError(
      `${place}: an idx of shape [${shape}] holds ${size} bytes, found ${bytes.length - header}`,
    );
  }
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size) };
}

function parseHeader(bytes: Uint8Array, rank: number, place: string): { shape: number[]; size: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = bytes.length >= 4 + 4 * rank ? view.getUint32(0) : undefined;
  if (magic !== 0x0800 + rank) {
    const found = magic === undefined ? `${bytes.length} bytes` : `0x${magic.toString(16).padStart(8, "0")}`;
    throw new DataError(
      `${place}: expected an idx header 0x0000080${rank} (${rank}-D unsigned bytes), found ${found}`,
    );
  }
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  return { shape, size: shape.reduce((product, length) => product * length, 1) };
}
