import type { NdArray } from "../core/array.js";

/** A matrix as float32 times 2^exponent, which no type of element over- or underflows. */
export interface ScaledMatrix {
  readonly data: Float32Array;
  /** 0 for numbers of ordinary size. */
  readonly exponent: number;
}

/** Where a matrix holds a NaN or an infinity. */
export interface NonFinite {
  readonly index: number;
  readonly value: number;
}

/** Numbers whose largest lies between these are left as they are. */
const [LEAST, MOST] = [2 ** -64, 2 ** 64];
const PIECE = 2 ** 23; // numbers converted at a time

/**
 * Reads a matrix and divides it by the power of two that brings its largest number to [1, 2), unless that is of ordinary
 * size anyway. Powers of two are exact, so nothing is lost but float64's digits beyond float32's.
 * @param read elements of the matrix, from one on, so many of them
 * @param count all of its elements, at least one
 */
export function scaledMatrix(
  read: (from: number, count: number) => NdArray["data"],
  count: number,
  inFloat32: boolean,
): ScaledMatrix | NonFinite {
  if (inFloat32) {
    const data = read(0, count) as Float32Array;
    const most = { value: 0 };
    const index = scan(data, most);
    if (index >= 0) return { index, value: data[index] };
    const exponent = exponentOf(most.value);
    if (exponent !== 0) scaleInto(data, 0, data, -exponent);
    return { data, exponent };
  }
  const most = { value: 0 };
  for (let from = 0; from < count; from += PIECE) {
    const piece = asNumbers(read(from, Math.min(PIECE, count - from)));
    const index = scan(piece, most);
    if (index >= 0) return { index: from + index, value: piece[index] };
  }
  const exponent = exponentOf(most.value);
  const data = new Float32Array(count);
  for (let from = 0; from < count; from += PIECE) {
    scaleInto(data, from, asNumbers(read(from, Math.min(PIECE, count - from))), -exponent);
  }
  return { data, exponent };
}

/** x 2^exponent. In two steps, because a power of two may be beyond float64 where the product is not. */
export function timesPower(x: number, exponent: number): number {
  const half = Math.trunc(exponent / 2);
  return x * 2 ** half * 2 ** (exponent - half);
}

type Numbers = Exclude<NdArray["data"], BigInt64Array>;

/** The first NaN or infinity's place, or -1; `most.value` grows to the largest magnitude. */
function scan(data: Numbers, most: { value: number }): number {
  let largest = most.value;
  for (let i = 0; i < data.length; i++) {
    const size = Math.abs(data[i]);
    if (!(size < Infinity)) return i;
    if (size > largest) largest = size;
  }
  most.value = largest;
  return -1;
}

function exponentOf(largest: number): number {
  if (largest === 0 || (largest >= LEAST && largest < MOST)) return 0;
  return Math.floor(Math.log2(largest));
}

function scaleInto(target: Float32Array, at: number, source: Numbers, exponent: number): void {
  const half = Math.trunc(exponent / 2);
  const [first, second] = [2 ** half, 2 ** (exponent - half)];
  for (let i = 0; i < source.length; i++) target[at + i] = source[i] * first * second;
}

function asNumbers(data: NdArray["data"]): Numbers {
  if (!(data instanceof BigInt64Array)) return data;
  const numbers = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) numbers[i] = Number(data[i]);
  return numbers;
}
