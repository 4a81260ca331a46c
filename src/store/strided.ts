import type { ByteSource } from "./byte-source.js";

/** A tensor whose elements lie at regular distances, not necessarily row after row: a transposed one, or a part of one. */
export interface Strided {
  /** First byte of element [0, 0, ...], from the start of the source. */
  readonly offset: number;
  /** Bytes of an element: 1, 2, 4 or 8. */
  readonly width: number;
  readonly shape: readonly number[];
  /** Elements from one index to the next, of each size; >= 0. */
  readonly strides: readonly number[];
}

/** One size of what is read: how many, and how far apart they lie in the source and in the result. */
interface Axis {
  readonly size: number;
  readonly stride: number;
  readonly step: number;
}

/** Bytes read at a time. */
const MOST_AT_ONCE = 2 ** 26;
/** Bytes read for one that is wanted, at most, where reading piece by piece is the other choice. */
const MOST_WASTE = 16;

/**
 * The bytes of `count` elements, in row-major order from element `from` on. Beside them no more is held than 64 MiB, and a row's
 * worth of rows before and after them.
 */
export function readStrided(
  source: ByteSource,
  { offset, width, shape, strides }: Strided,
  from: number,
  count: number,
): Uint8Array {
  // The smallest box of whole rows that holds the range: outer indices are fixed, one runs, all inner ones are whole.
  let [first, last] = [from, from + count - 1];
  let inner = shape.reduce((product, size) => product * size, 1);
  let start = 0;
  let box: { readonly size: number; readonly stride: number }[] = [];
  for (const [axis, size] of shape.entries()) {
    inner /= size;
    const [low, high] = [Math.floor(first / inner), Math.floor(last / inner)];
    start += low * strides[axis];
    first -= low * inner;
    last -= low * inner;
    if (low === high) continue;
    const rest = shape.slice(axis + 1).map((size, i) => ({ size, stride: strides[axis + 1 + i] }));
    box = [{ size: high - low + 1, stride: strides[axis] }, ...rest];
    break;
  }
  const bytes = readBox(source, offset + start * width, width, box);
  return bytes.subarray(first * width, (first + count) * width);
}

function readBox(
  source: ByteSource,
  offset: number,
  width: number,
  box: readonly { readonly size: number; readonly stride: number }[],
): Uint8Array {
  const unit = Math.min(width, 4); // of eight bytes two units are one more size
  const halves = width / unit;
  let step = halves;
  const axes: Axis[] = halves > 1 ? [{ size: halves, stride: 1, step: 1 }] : [];
  for (const { size, stride } of box.toReversed()) {
    axes.push({ size, stride: stride * halves, step });
    step *= size;
  }
  const bytes = new Uint8Array(step * unit);
  // In the order of the source: the widest strides outermost.
  const sorted = axes.filter(({ size }) => size > 1).sort((a, b) => b.stride - a.stride);
  const target = unitsOf(bytes, unit);
  const read = (at: number, length: number): Units =>
    unitsOf(source.read(offset + at * unit, length * unit), unit);
  gather(sorted, MOST_AT_ONCE / unit, read, 0, target, 0);
  return bytes;
}

type Units = Uint8Array | Uint16Array | Uint32Array;

function unitsOf(bytes: Uint8Array, unit: number): Units {
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % unit === 0 ? bytes : bytes.slice();
  if (unit === 1) return bytes;
  if (unit === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** Reads so many of the outermost axis at a time as fit, or, where too little of that is wanted, goes one axis in. */
function gather(
  axes: readonly Axis[],
  most: number,
  read: (at: number, length: number) => Units,
  from: number,
  target: Units,
  to: number,
): void {
  const [axis = { size: 1, stride: 0, step: 0 }, ...inside] = axes;
  const { size, stride, step } = axis;
  const span = spanOf(inside);
  const room = stride === 0 ? size : Math.floor((most - span) / stride) + 1;
  const together = Math.min(size, Math.max(1, room));
  const length = (together - 1) * stride + span;
  const wanted = together * inside.reduce((product, axis) => product * axis.size, 1);
  const dense = length <= most && length <= MOST_WASTE * wanted;
  if (!dense && inside.length > 0) {
    for (let i = 0; i < size; i++) gather(inside, most, read, from + i * stride, target, to + i * step);
    return;
  }
  for (let i = 0; i < size; i += together) {
    const now = Math.min(together, size - i);
    const units = read(from + i * stride, (now - 1) * stride + span);
    scatter([{ size: now, stride, step }, ...inside], units, 0, target, to + i * step);
  }
}

/** Units from the first to the last element of some axes. */
function spanOf(axes: readonly Axis[]): number {
  return axes.reduce((span, { size, stride }) => span + (size - 1) * stride, 1);
}

function scatter(axes: readonly Axis[], source: Units, from: number, target: Units, to: number): void {
  const [{ size, stride, step }, ...inside] = axes;
  if (inside.length > 0) {
    for (let i = 0; i < size; i++) scatter(inside, source, from + i * stride, target, to + i * step);
    return;
  }
  for (let i = 0; i < size; i++) target[to + i * step] = source[from + i * stride];
}
