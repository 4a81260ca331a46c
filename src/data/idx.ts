import { DataError } from "../core/errors.js";

/**
 * Parses an idx file of unsigned bytes, the format of MNIST: two zero bytes, the element type (8 = unsigned byte), the
 * number of dimensions, each size as a big-endian uint32, then the elements.
 * @param place what an error names, usually the path
 * @throws DataError if the header is foreign, or the elements are fewer or more than the header says
 */
export function parseIdx(
  bytes: Uint8Array,
  rank: number,
  place: string,
): { shape: number[]; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = 4 + 4 * rank;
  const magic = bytes.length >= header ? view.getUint32(0) : undefined;
  if (magic !== 0x0800 + rank) {
    const found = magic === undefined ? `${bytes.length} bytes` : `0x${magic.toString(16).padStart(8, "0")}`;
    throw new DataError(
      `${place}: expected an idx header 0x0000080${rank} (${rank}-D unsigned bytes), found ${found}`,
    );
  }
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const size = shape.reduce((product, length) => product * length, 1);
  if (bytes.length - header !== size) {
    throw new DataError(
      `${place}: an idx of shape [${shape}] holds ${size} bytes, found ${bytes.length - header}`,
    );
  }
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size) };
}
