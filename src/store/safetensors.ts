import * as fs from "node:fs";
import { sizeOf, type NamedArrays, type NdArray } from "../core/array.js";
import { DataError, SpectralError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { ELEMENT_BYTES, READ_AS, elementsOf, isReadable, roomFor, whyUnread } from "./element-types.js";
import { reasonOf } from "../core/files/io-error.js";
import {
  quoted,
  readHeader,
  type ByteSource,
  type SafetensorsHeader,
  type TensorInfo,
} from "./safetensors-header.js";

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
  const { source, close } = openBytes(path);
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
      close,
    };
  } catch (error) {
    close();
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

/** More is read in pieces: Node 20 has no Uint8Array beyond 4 GiB, and no read beyond 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;
const PIECE = 2 ** 26;

function readPart(source: ByteSource, info: TensorInfo, from: number, count: number): NdArray["data"] {
  const dtype = readableType(source, info);
  const width = ELEMENT_BYTES[dtype];
  const place = `${source.name}, tensor ${quoted(info.name)}`;
  const elements = (start: number, length: number): NdArray["data"] =>
    elementsOf(source.read(info.offset + start * width, length * width), dtype, place);
  try {
    if (count * width <= MOST_AT_ONCE) return elements(from, count);
    const data = roomFor(dtype, count);
    for (let done = 0; done < count; done += PIECE / width) {
      const piece = elements(from + done, Math.min(PIECE / width, count - done));
      (data as { set(piece: NdArray["data"], at: number): void }).set(piece, done);
    }
    return data;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DataError(
      `${place} of shape [${info.shape.join(", ")}]: not enough memory for ${count} numbers`,
      {
        cause: error,
      },
    );
  }
}

function readableType({ name: source }: ByteSource, { name, dtype }: TensorInfo): keyof typeof ELEMENT_BYTES {
  if (isReadable(dtype)) return dtype;
  throw new DataError(
    `${source}: expected a safetensors file with one of the types ${Object.keys(ELEMENT_BYTES).join(", ")} for tensor ${quoted(name)}, ` +
      `found ${quoted(dtype)}: ${whyUnread(dtype)}`,
  );
}

function openBytes(path: string): { readonly source: ByteSource; close(): void } {
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
    const read = (offset: number, length: number): Uint8Array =>
      guard(() => readExactly(file, path, offset, length));
    return { source: { name: path, size: stat.size, read }, close: () => fs.closeSync(file) };
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
