import type { DType, NdArray } from "../core/array.js";
import { DataError } from "../core/errors.js";

/** Bytes per element of every type that can be read; those that NdArray has not are converted when read. */
export const ELEMENT_BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
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

/** What each type becomes when read: the smallest type of NdArray that holds every value exactly. */
export const READ_AS: Readonly<Record<FileDType, DType>> = {
  F64: "F64",
  F32: "F32",
  F16: "F32",
  BF16: "F32",
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
      return Float32Array.from(new Uint16Array(buffer, byteOffset, count), halfToNumber);
    case "BF16":
      return bfloatToFloat(new Uint16Array(buffer, byteOffset, count));
    case "I64":
      return new BigInt64Array(buffer, byteOffset, count);
    case "I32":
      return new Int32Array(buffer, byteOffset, count);
    case "I16":
      return Int32Array.from(new Int16Array(buffer, byteOffset, count));
    case "I8":
      return Int32Array.from(new Int8Array(buffer, byteOffset, count));
    case "U64":
      return toSigned(new BigUint64Array(buffer, byteOffset, count), place);
    case "U32":
      return BigInt64Array.from(new Uint32Array(buffer, byteOffset, count) as Iterable<number>, BigInt);
    case "U16":
      return Int32Array.from(new Uint16Array(buffer, byteOffset, count));
    case "U8":
    case "BOOL":
      return new Uint8Array(buffer, byteOffset, count);
  }
}

// IEEE 754 binary16: sign, 5 exponent bits (bias 15), 10 fraction bits.
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24; // zero and subnormal
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// bfloat16 is the upper half of a float32.
function bfloatToFloat(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

function toSigned(values: BigUint64Array, place: string): BigInt64Array {
  const over = values.findIndex((value) => value >= 2n ** 63n);
  if (over >= 0)
    throw new DataError(`${place}: expected U64 values below 2^63, found ${values[over]} at index ${over}`);
  return BigInt64Array.from(values);
}
