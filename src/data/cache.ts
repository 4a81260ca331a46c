import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { messageOf } from "../core/errors.js";
import { type Json, canonicalJson, hashOf } from "../core/hash.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { exists } from "./files.js";

/** What is kept: numbers, and what is needed to read them. */
export interface Cached {
  readonly meta: Json;
  readonly data: Float32Array | Uint16Array | Int32Array;
}

/** Whether what was kept beside the numbers is a list of texts. */
export function isTexts(meta: Json): meta is readonly string[] {
  return Array.isArray(meta) && meta.every((text) => typeof text === "string");
}

const MAGIC = "SPECTRAL-CACHE-1";
const TYPES = { Float32Array, Uint16Array, Int32Array } as const;

/**
 * What was computed from `settings` before, else what `compute` returns now, kept for the next time in
 * `<root>/cache/<kind>-<hash of settings>.bin`. The settings must name everything that the result depends on.
 * A damaged file is recomputed, and a cache that cannot be written does without, each with a warning: nothing computed
 * is lost.
 * @param fits whether what was kept is what `compute` would return, as far as can be seen; default yes
 */
export async function cached(
  root: string,
  kind: string,
  settings: Json,
  compute: () => Promise<Cached>,
  fits: (kept: Cached) => boolean = () => true,
): Promise<Cached> {
  const path = join(root, "cache", `${kind}-${hashOf(settings, 16)}.bin`);
  if (await exists(path)) {
    try {
      const kept = decode(await readFile(path), settings);
      if (fits(kept)) return kept;
      throw new Error("it holds something else");
    } catch (error) {
      warn(`${path}: damaged cache, computed again: ${messageOf(error)}`);
    }
  }
  const result = await compute();
  try {
    writeFileAtomic(path, encode(result, settings));
  } catch (error) {
    warn(`${path}: not cached: ${messageOf(error)}`);
  }
  return result;
}

function warn(message: string): void {
  process.emitWarning(message, "SpectralWarning");
}

// Layout: magic, length of the header as uint32, header (JSON, padded so that the numbers start at a multiple of 8),
// numbers in this machine's order, which the header names.

function encode({ meta, data }: Cached, settings: Json): Uint8Array[] {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const type = Object.entries(TYPES).find(([, constructor]) => data instanceof constructor)?.[0] ?? "";
  const fields = { settings, meta, type, crc32: crc32(bytes), bytes: bytes.length, littleEndian };
  const text = canonicalJson({ ...fields, headerCrc32: crc32(canonicalJson(fields)) });
  const unpadded = MAGIC.length + 4 + Buffer.byteLength(text);
  const header = Buffer.from(text + " ".repeat((8 - (unpadded % 8)) % 8));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  return [Buffer.from(MAGIC), length, header, bytes];
}

function decode(file: Buffer, settings: Json): Cached {
  if (file.toString("latin1", 0, MAGIC.length) !== MAGIC) throw new Error("not a cache file");
  const start = MAGIC.length + 4 + file.readUInt32LE(MAGIC.length);
  const header = headerOf(file.toString("utf8", MAGIC.length + 4, start));
  if (canonicalJson(header.settings) !== canonicalJson(settings))
    throw new Error("it belongs to other settings");
  if (header.littleEndian !== littleEndian) throw new Error("it was written on another kind of machine");
  if (file.length - start !== header.bytes) {
    throw new Error(`expected ${header.bytes} bytes of numbers, found ${file.length - start}`);
  }
  const bytes = file.subarray(start);
  if (crc32(bytes) !== header.crc32) throw new Error("its checksum is wrong");
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  const constructor = TYPES[header.type];
  const length = bytes.length / constructor.BYTES_PER_ELEMENT;
  if (!Number.isInteger(length)) throw new Error("its last number is cut short");
  return {
    meta: header.meta,
    data: new constructor(aligned.buffer as ArrayBuffer, aligned.byteOffset, length),
  };
}

interface Header {
  readonly settings: Json;
  readonly meta: Json;
  readonly type: keyof typeof TYPES;
  readonly crc32: number;
  readonly bytes: number;
  readonly littleEndian: boolean;
  /** Of the other fields; files of earlier versions lack it. */
  readonly headerCrc32?: number;
}

const FIELDS = ["bytes", "crc32", "littleEndian", "meta", "settings", "type"];

function headerOf(text: string): Header {
  const header = JSON.parse(text) as Header | null;
  if (typeof header !== "object" || header === null || Array.isArray(header))
    throw new Error("it has no header");
  const { headerCrc32, ...fields } = header;
  if (headerCrc32 !== undefined && crc32(canonicalJson(fields as unknown as Json)) !== headerCrc32)
    throw new Error("its header's checksum is wrong");
  if (Object.keys(fields).sort().join() !== FIELDS.join()) throw new Error("its header has other fields");
  if (!Object.hasOwn(TYPES, header.type)) throw new Error("it holds no known type of numbers");
  return header;
}

const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;
