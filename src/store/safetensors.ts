import { sizeOf, type NamedArrays, type NdArray } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { openFile, type ByteSource } from "./byte-source.js";
import { ELEMENT_BYTES, READ_AS } from "./element-types.js";
import { quoted, readHeader, type SafetensorsHeader, type TensorInfo } from "./safetensors-header.js";
import { readableType, readPart } from "./tensor-part.js";

export type { TensorInfo } from "./safetensors-header.js";

/** Free text about a file, kept in its header. */
export type Metadata = Readonly<Record<string, string>>;

/** The contents of a safetensors file. */
export interface Safetensors {
  readonly arrays: NamedArrays;
  readonly metadata: Metadata;
}

/** A safetensors file of any size, read one tensor at a time. */
export interface SafetensorsFile {
  /** In the order of the header. */
  readonly names: readonly string[];
  readonly metadata: Metadata;
  /** Type, shape and place, without reading the data. @throws DataError if there is no such tensor */
  info(name: string): TensorInfo;
  /** Reads one tensor; F16, BF16 and F8 become F32, small integers I32, U32 and U64 I64. @throws DataError */
  read(name: string): NdArray;
  /** Reads `count` elements of a tensor, from element `from` on, as `read` does. @throws DataError */
  readPart(name: string, from: number, count: number): NdArray["data"];
  close(): void;
}

/**
 * Arrays in the safetensors format: 8-byte little-endian header length, JSON header padded with spaces to a multiple of
 * 8 bytes, data without gaps, wide types first so that every array is aligned. Equal arrays give equal bytes.
 * @throws DataError if an array does not fill its shape or a name is reserved ("__metadata__")
 */
export function encode(arrays: NamedArrays, metadata: Metadata = {}): Buffer {
  return Buffer.concat(pieces(arrays, metadata));
}

/**
 * The arrays of a safetensors buffer, in the order of the header. Arrays share memory with `buffer` where alignment
 * allows it. Types that NdArray has not are converted (F16, BF16 and F8 to F32, small integers to I32, U32 and U64 to I64).
 * @param source what errors call the buffer, usually a path
 * @throws DataError for every kind of damage, naming what was expected and found
 */
export function decode(buffer: Uint8Array, source: string): Safetensors {
  const bytes: ByteSource = {
    name: source,
    size: buffer.length,
    read: (offset, length) => buffer.subarray(offset, offset + length),
  };
  return readAll(bytes, readHeader(bytes));
}

/**
 * Writes arrays to a file, atomically, without a second copy in memory.
 * @param within as of `writeFileAtomic`
 * @throws StoreError, DataError (see encode)
 */
export function writeSafetensors(
  path: string,
  arrays: NamedArrays,
  metadata: Metadata = {},
  within?: string,
): void {
  writeFileAtomic(path, pieces(arrays, metadata), within);
}

/**
 * Reads a file.
 * @param names which arrays; default all
 * @throws DataError if it cannot be read, is damaged or is something else, or has no array of such a name
 */
export function readSafetensors(path: string, names?: readonly string[]): Safetensors {
  const file = openSafetensors(path);
  try {
    const arrays = new Map((names ?? file.names).map((name) => [name, file.read(name)]));
    return { arrays, metadata: file.metadata };
  } finally {
    file.close();
  }
}

/** Opens a file and checks its header; `close` it afterwards. @throws DataError as readSafetensors */
export function openSafetensors(path: string): SafetensorsFile {
  const source = openFile(path);
  try {
    const { tensors, metadata } = readHeader(source);
    const info = (name: string): TensorInfo => {
      const found = tensors.get(name);
      if (found === undefined) throw new DataError(`${path}: expected a tensor ${quoted(name)}, found none`);
      return found;
    };
    return {
      names: [...tensors.keys()],
      metadata,
      info,
      read: (name) => readTensor(source, info(name)),
      readPart: (name, from, count) => readPart(source, info(name), from, count),
      close: () => source.close(),
    };
  } catch (error) {
    source.close();
    throw error;
  }
}

// The file in pieces: length and header, then every array's own bytes.
function pieces(arrays: NamedArrays, metadata: Metadata): Uint8Array[] {
  const widestFirst = [...arrays].sort(([, a], [, b]) => ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype]);
  const begins = new Map<string, number>();
  let end = 0;
  for (const [name, array] of widestFirst) {
    if (name === "__metadata__") throw new DataError(`safetensors: the name "__metadata__" is reserved`);
    if (array.data.length !== sizeOf(array.shape)) {
      const shape = `[${array.shape.join(", ")}]`;
      throw new DataError(
        `safetensors: ${quoted(name)} of shape ${shape} holds ${array.data.length} elements`,
      );
    }
    begins.set(name, end);
    end += array.data.byteLength;
  }
  const entries = [...arrays].map(([name, { dtype, shape, data }]) => {
    const begin = begins.get(name)!;
    const entry = { dtype, shape, data_offsets: [begin, begin + data.byteLength] };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  if (Object.keys(metadata).length > 0) entries.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const header = Buffer.from(`{${entries.join(",")}}`);
  const start = Buffer.alloc(8 + Math.ceil(header.length / 8) * 8, " ");
  start.writeBigUInt64LE(BigInt(start.length - 8));
  header.copy(start, 8);
  const data = widestFirst.map(([, array]) => array.data);
  return [
    start,
    ...data.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  ];
}

function readAll(source: ByteSource, { tensors, metadata }: SafetensorsHeader): Safetensors {
  const arrays = new Map<string, NdArray>();
  for (const [name, info] of tensors) arrays.set(name, readTensor(source, info));
  return { arrays, metadata };
}

function readTensor(source: ByteSource, info: TensorInfo): NdArray {
  const dtype = readableType(source, info);
  return { dtype: READ_AS[dtype], shape: info.shape, data: readPart(source, info, 0, sizeOf(info.shape)) };
}
