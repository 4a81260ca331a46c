import { DataError, messageOf } from "../core/errors.js";
import { sizeOf } from "../core/array.js";
import { formatOf } from "../core/files/format.js";
import { printable } from "../core/printable.js";
import { isObject } from "../core/schema.js";
import type { ByteSource } from "./byte-source.js";
import { elementBits } from "./element-types.js";
import { jsonEntries, jsonValue, type JsonEntry } from "./json-object.js";

/** One tensor as the header declares it. */
export interface TensorInfo {
  readonly name: string;
  /** Type in the file, perhaps one that cannot be read (F4, ...); reading may convert it (F16 and BF16 to F32, ...). */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte, from the start of the file. */
  readonly offset: number;
  /** Length in bytes. */
  readonly length: number;
}

/** The header of a safetensors file, proven consistent with the file's size. */
export interface SafetensorsHeader {
  /** In the order in which the header lists them. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A tensor's name (or other foreign text) in a message: in quotes, on one line, and not longer than a line. */
export function quoted(text: string): string {
  const cut = text.length > 200;
  return printable(JSON.stringify(cut ? `${text.slice(0, 200)}…` : text));
}

const OPENING_BRACE = 0x7b;
const QUOTE = 0x22;
const MAX_HEADER = 100_000_000; // the limit of the published format
const MOST_METADATA = 1_000_000;
const MAX_ENTRY = 65536; // of one tensor; the rest of a larger one could only be ballast

/**
 * Reads and checks the header: 8-byte little-endian length, JSON, and offsets that cover the rest of the file without
 * gap or overlap (https://github.com/huggingface/safetensors#format). Reads nothing of the data and allocates no more
 * than a few times the header's own size. Tensors of types that are not known are listed too, if their place is sound.
 * @throws DataError naming the file, what was expected and what was found
 */
export function readHeader(source: ByteSource): SafetensorsHeader {
  const { name, size } = source;
  const start = Buffer.from(source.read(0, Math.min(size, 512)));
  const foreign = start[8] === OPENING_BRACE ? undefined : formatOf(start);
  const fail = (expected: string, found: string): never => {
    const instead = foreign === undefined ? found : `${foreign.description} (${found})`;
    const advice = foreign?.advice === undefined ? "" : `; ${foreign.advice}`;
    throw new DataError(`${name}: expected a safetensors file with ${expected}, found ${instead}${advice}`);
  };
  if (size < 8) fail("8 bytes of header length", `a file of ${size} bytes`);
  const length = Number(start.readBigUInt64LE(0));
  if (length > size - 8) fail(`a header that fits the file's ${size} bytes`, `a header length of ${length}`);
  if (length > MAX_HEADER) fail(`a header of at most ${MAX_HEADER} bytes`, `a header length of ${length}`);
  if (start[8] !== OPENING_BRACE)
    fail(
      'a header that starts with "{"',
      length === 0 ? "no header" : `byte ${start[8]}${start[8] === 0x20 ? " (a space)" : ""}`,
    );

  const { tensors, metadata } = readEntries(source.read(8, length), 8 + length, fail);
  checkCoverage([...tensors.values()], 8 + length, size, fail);
  return { tensors, metadata };
}

type Fail = (expected: string, found: string) => never;

// Entry by entry in the order of the text: a plain object would put names such as "10" first and drop duplicates.
function readEntries(bytes: Uint8Array, dataStart: number, fail: Fail): SafetensorsHeader {
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> | undefined;
  let place = "";
  const parsed = (entry: JsonEntry): unknown => {
    place = ` in the entry ${quoted(entry.key)}`;
    const value = jsonValue(bytes, entry);
    place = "";
    return value;
  };
  try {
    for (const entry of jsonEntries(bytes)) {
      const { key, start, end } = entry;
      if (tensors.has(key) || (key === "__metadata__" && metadata !== undefined)) {
        fail("every name once", `${quoted(key)} twice`);
      }
      if (key === "__metadata__") {
        if (bytes[start] === OPENING_BRACE) metadata = readMetadata(bytes, entry, fail);
        else {
          const value = end - start <= MAX_ENTRY ? parsed(entry) : `${end - start} bytes`;
          if (value !== null) fail("__metadata__ of strings", excerpt(value));
          metadata = {}; // null, as other readers take it
        }
      } else {
        if (end - start > MAX_ENTRY)
          fail(`at most ${MAX_ENTRY} bytes for tensor ${quoted(key)}`, `${end - start} bytes`);
        if (bytes[start] === OPENING_BRACE) checkKeys(bytes, entry, fail);
        tensors.set(key, readEntry(key, parsed(entry), dataStart, fail));
      }
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    fail("a JSON header", printable(messageOf(error), 300) + place);
  }
  return { tensors, metadata: metadata ?? {} };
}

function readMetadata(bytes: Uint8Array, { start, end }: JsonEntry, fail: Fail): Record<string, string> {
  const metadata = new Map<string, string>();
  for (const entry of jsonEntries(bytes, start, end)) {
    const text = entry.end - entry.start <= MAX_ENTRY || bytes[entry.start] === QUOTE;
    const value = text ? jsonValue(bytes, entry) : undefined;
    if (typeof value !== "string") return fail(`a string as metadata ${quoted(entry.key)}`, excerpt(value));
    metadata.set(entry.key, value);
    if (metadata.size > MOST_METADATA) fail(`at most ${MOST_METADATA} texts as __metadata__`, "more");
  }
  return Object.fromEntries(metadata);
}

// JSON.parse takes the last of two equal fields, other readers the first: such a file is not trusted.
function checkKeys(bytes: Uint8Array, { key, start, end }: JsonEntry, fail: Fail): void {
  const seen = new Set<string>();
  for (const { key: field } of jsonEntries(bytes, start, end)) {
    if (seen.has(field)) fail(`every field once for tensor ${quoted(key)}`, `${quoted(field)} twice`);
    seen.add(field);
  }
}

function readEntry(tensor: string, entry: unknown, dataStart: number, fail: Fail): TensorInfo {
  const place = (what: string): string => `${what} for tensor ${quoted(tensor)}`;
  if (!isObject(entry)) return fail(place("dtype, shape and data_offsets"), excerpt(entry));
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string") return fail(place("a type (F32, BF16, ...)"), excerpt(dtype));
  if (!isSizes(shape)) return fail(place("a shape of whole numbers >= 0"), excerpt(shape));
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return fail(place("data_offsets [begin, end]"), excerpt(offsets));
  }
  const length = offsets[1] - offsets[0];
  const bits = elementBits(dtype);
  const needed = bits === undefined ? length : (sizeOf(shape) * bits) / 8;
  if (length !== needed) {
    return fail(
      place(`${needed} bytes (${dtype}, shape [${shape.join(", ")}])`),
      `data_offsets of ${length} bytes`,
    );
  }
  return { name: tensor, dtype, shape, offset: dataStart + offsets[0], length };
}

// The data must be covered exactly: a gap, an overlap, missing or left-over bytes all mean damage.
function checkCoverage(tensors: readonly TensorInfo[], dataStart: number, size: number, fail: Fail): void {
  let end = dataStart;
  const inOrder = [...tensors].sort((a, b) => a.offset - b.offset || a.length - b.length);
  for (const { name, offset, length } of inOrder) {
    if (offset !== end) {
      fail(`tensor ${quoted(name)} at data offset ${end - dataStart}`, `offset ${offset - dataStart}`);
    }
    end += length;
  }
  if (end !== size) fail(`${end} bytes in all (header and tensors)`, `a file of ${size} bytes`);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function excerpt(value: unknown): string {
  return printable(JSON.stringify(value) ?? "nothing", 80);
}
