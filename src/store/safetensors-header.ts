import { DataError, messageOf } from "../core/errors.js";
import { sizeOf } from "../core/array.js";
import { formatOf } from "../core/files/format.js";
import { ELEMENT_BYTES, type FileDType } from "./element-types.js";

/** One tensor as the header declares it. */
export interface TensorInfo {
  readonly name: string;
  /** Type in the file; reading may convert it (F16 and BF16 to F32, ...). */
  readonly dtype: FileDType;
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

/** A file or buffer that can be read in parts. */
export interface ByteSource {
  /** Its name in errors. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`. */
  read(offset: number, length: number): Uint8Array;
}

const OPENING_BRACE = 0x7b;
const MAX_HEADER = 100_000_000; // the limit of the published format

/**
 * Reads and checks the header: 8-byte little-endian length, JSON, and offsets that cover the rest of the file without
 * gap or overlap (https://github.com/huggingface/safetensors#format). Reads nothing of the data and allocates no more
 * than the header's own size.
 * @throws DataError naming the file, what was expected and what was found
 */
export function readHeader(source: ByteSource): SafetensorsHeader {
  const { name, size } = source;
  const start = Buffer.from(source.read(0, Math.min(size, 512)));
  const foreign = start[8] === OPENING_BRACE ? undefined : formatOf(start)?.description;
  const fail = (expected: string, found: string): never => {
    const instead = foreign === undefined ? found : `${foreign} (${found})`;
    throw new DataError(`${name}: expected a safetensors file with ${expected}, found ${instead}`);
  };
  if (size < 8) fail("8 bytes of header length", `a file of ${size} bytes`);
  const length = Number(start.readBigUInt64LE(0));
  if (length > size - 8) fail(`a header that fits the file's ${size} bytes`, `a header length of ${length}`);
  if (length > MAX_HEADER) fail(`a header of at most ${MAX_HEADER} bytes`, `a header length of ${length}`);
  if (start[8] !== OPENING_BRACE)
    fail('a header that starts with "{"', length === 0 ? "no header" : `byte ${start[8]}`);

  const header = parseJson(source.read(8, length), fail);
  const metadata = readMetadata(header.get("__metadata__"), fail);
  header.delete("__metadata__");
  const tensors = new Map<string, TensorInfo>();
  for (const [tensor, entry] of header) tensors.set(tensor, readEntry(tensor, entry, 8 + length, fail));
  checkCoverage([...tensors.values()], 8 + length, size, fail);
  return { tensors, metadata };
}

type Fail = (expected: string, found: string) => never;

// The header's entries in the order of the text: a plain object would put names such as "10" first and drop duplicates.
function parseJson(bytes: Uint8Array, fail: Fail): Map<string, unknown> {
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    parsed = JSON.parse(text);
  } catch (error) {
    return fail("a JSON header", messageOf(error));
  }
  const entries = new Map<string, unknown>();
  for (const key of topLevelKeys(text)) {
    if (entries.has(key)) fail("every name once", `${JSON.stringify(key)} twice`);
    entries.set(key, (parsed as Record<string, unknown>)[key]);
  }
  return entries;
}

// Keys of the outermost object of valid JSON text, as written. Strings are skipped whole; depth counts brackets.
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (depth === 1 && token.endsWith(":")) keys.push(JSON.parse(token.slice(0, -1)) as string);
  }
  return keys;
}

function readMetadata(value: unknown, fail: Fail): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value)) return fail("__metadata__ of strings", JSON.stringify(value));
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== "string") fail(`a string as metadata ${JSON.stringify(key)}`, JSON.stringify(text));
  }
  return value as Record<string, string>;
}

function readEntry(tensor: string, entry: unknown, dataStart: number, fail: Fail): TensorInfo {
  const place = (what: string): string => `${what} for tensor ${JSON.stringify(tensor)}`;
  if (!isObject(entry)) return fail(place("dtype, shape and data_offsets"), excerpt(entry));
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(ELEMENT_BYTES, dtype)) {
    return fail(place(`one of the types ${Object.keys(ELEMENT_BYTES).join(", ")}`), excerpt(dtype));
  }
  if (!isSizes(shape)) return fail(place("a shape of whole numbers >= 0"), excerpt(shape));
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0] > offsets[1]) {
    return fail(place("data_offsets [begin, end]"), excerpt(offsets));
  }
  const length = offsets[1] - offsets[0];
  const needed = sizeOf(shape) * ELEMENT_BYTES[dtype as FileDType];
  if (length !== needed) {
    return fail(
      place(`${needed} bytes (${dtype}, shape [${shape.join(", ")}])`),
      `data_offsets of ${length} bytes`,
    );
  }
  return { name: tensor, dtype: dtype as FileDType, shape, offset: dataStart + offsets[0], length };
}

// The data must be covered exactly: a gap, an overlap, missing or left-over bytes all mean damage.
function checkCoverage(tensors: readonly TensorInfo[], dataStart: number, size: number, fail: Fail): void {
  let end = dataStart;
  const inOrder = [...tensors].sort((a, b) => a.offset - b.offset || a.length - b.length);
  for (const { name, offset, length } of inOrder) {
    if (offset !== end) {
      fail(
        `tensor ${JSON.stringify(name)} at data offset ${end - dataStart}`,
        `offset ${offset - dataStart}`,
      );
    }
    end += length;
  }
  if (end !== size) fail(`${end} bytes in all (header and tensors)`, `a file of ${size} bytes`);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function excerpt(value: unknown): string {
  return (JSON.stringify(value) ?? "nothing").slice(0, 80);
}
