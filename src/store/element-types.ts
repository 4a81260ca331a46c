import type { DType, NdArray } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { valuesOf, type SmallFloat } from "./small-floats.js";

/** Bytes per element of every type that can be read; those that NdArray has not are converted when read. */
export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E5M2FNUZ: 1,
  F8_E4M3FNUZ: 1,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
} as const;

/** An element type of a safetensors file that can be read. */
export type FileDType = keyof typeof ELEMENT_BYTES;

export function isReadable(dtype: string): dtype is FileDType {
  return Object.hasOwn(ELEMENT_BYTES, dtype);
}

/** Types of the format that are not read: bits per element, and what they hold. */
const UNREAD: Readonly<Record<string, readonly [bits: number, what: string]>> = {
  F8_E8M0: [8, "powers of two that scale blocks of other numbers"],
  F6_E2M3: [6, "packed six-bit numbers, which mean nothing without their scales"],
  F6_E3M2: [6, "packed six-bit numbers, which mean nothing without their scales"],
  F4: [4, "packed four-bit numbers, which mean nothing without their scales"],
  C64: [64, "complex numbers"],
};

/** Bits per element; undefined for a type that nobody here has heard of. */
export function elementBits(dtype: string): number | undefined {
  if (isReadable(dtype)) return 8 * ELEMENT_BYTES[dtype];
  return Object.hasOwn(UNREAD, dtype) ? UNREAD[dtype][0] : undefined;
}

/** Why a type is not read: what it holds. */
export function whyUnread(dtype: string): string {
  return Object.hasOwn(UNREAD, dtype) ? UNREAD[dtype][1] : "an element type that is not known here";
}

/** What each type becomes when read: the smallest type of NdArray that holds every value exactly. */
export const READ_AS: Readonly<Record<FileDType, DType>> = {
  F64: "F64",
  F32: "F32",
  F16: "F32",
  BF16: "F32",
  F8_E5M2: "F32",
  F8_E4M3: "F32",
  F8_E5M2FNUZ: "F32",
  F8_E4M3FNUZ: "F32",
  I64: "I64",
  I32: "I32",
  I16: "I32",
  I8: "I32",
  U64: "I64",
  U32: "I64",
  U16: "I32",
  U8: "U8",
  BOOL: "BOOL",
};

/** Memory for `count` elements of a type as they are read. @throws RangeError if there is not so much */
export function roomFor(dtype: FileDType, count: number): NdArray["data"] {
  switch (READ_AS[dtype]) {
    case "F64":
      return new Float64Array(count);
    case "F32":
      return new Float32Array(count);
    case "I64":
      return new BigInt64Array(count);
    case "I32":
      return new Int32Array(count);
    case "U8":
    case "BOOL":
      return new Uint8Array(count);
  }
}

// Nothing here goes through TypedArray.from(list, function): it makes a list of boxed numbers first, which aborts Node
// from about 100 million elements.

/**
 * The elements of little-endian bytes: a view where type and alignment allow it, else a copy.
 * @throws DataError if a U64 element is 2^63 or more; `place` names the file and tensor
 */
export function elementsOf(bytes: Uint8Array, dtype: FileDType, place: string): NdArray["data"] {
  const width = ELEMENT_BYTES[dtype];
  const { buffer, byteOffset } = bytes.byteOffset % width === 0 ? bytes : new Uint8Array(bytes);
  const count = bytes.length / width;
  switch (dtype) {
    case "F64":
      return new Float64Array(buffer, byteOffset, count);
    case "F32":
      return new Float32Array(buffer, byteOffset, count);
    case "F16":
      return lookedUp(new Uint16Array(buffer, byteOffset, count), dtype);
    case "F8_E5M2":
    case "F8_E4M3":
    case "F8_E5M2FNUZ":
    case "F8_E4M3FNUZ":
      return lookedUp(new Uint8Array(buffer, byteOffset, count), dtype);
    case "BF16":
      return bfloatToFloat(new Uint16Array(buffer, byteOffset, count));
    case "I64":
      return new BigInt64Array(buffer, byteOffset, count);
    case "I32":
      return new Int32Array(buffer, byteOffset, count);
    case "I16":
      return new Int32Array(new Int16Array(buffer, byteOffset, count));
    case "I8":
      return new Int32Array(new Int8Array(buffer, byteOffset, count));
    case "U64":
      return toSigned(new BigUint64Array(buffer, byteOffset, count), place);
    case "U32":
      return toWide(new Uint32Array(buffer, byteOffset, count));
    case "U16":
      return new Int32Array(new Uint16Array(buffer, byteOffset, count));
    case "U8":
    case "BOOL":
      return new Uint8Array(buffer, byteOffset, count);
  }
}

function lookedUp(codes: Uint8Array | Uint16Array, type: SmallFloat): Float32Array {
  const table = valuesOf(type);
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = table[codes[i]];
  return values;
}

// bfloat16 is the upper half of a float32.
function bfloatToFloat(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i] << 16;
  return new Float32Array(bits.buffer);
}

function toWide(values: Uint32Array): BigInt64Array {
  const wide = new BigInt64Array(values.length);
  const halves = new Uint32Array(wide.buffer); // the lower half of each comes first
  for (let i = 0; i < values.length; i++) halves[2 * i] = values[i];
  return wide;
}

// Below 2^63 the bits of both types are the same.
function toSigned(values: BigUint64Array, place: string): BigInt64Array {
  const halves = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  for (let i = 0; i < values.length; i++) {
    if (halves[2 * i + 1] >= 2 ** 31)
      throw new DataError(`${place}: expected U64 values below 2^63, found ${values[i]} at index ${i}`);
  }
  return new BigInt64Array(values.buffer, values.byteOffset, values.length);
}
