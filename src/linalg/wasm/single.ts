/**
 * Matrix products in float32 where their rounding does no harm, at twice the rate of multiply.ts and in its manner: panels of
 * the left operand four wide, of the right operand eight wide, a 4 x 8 tile in registers. Sums over DEPTH products are
 * float32, their sum float64, so that the error is that of short sums: about 2^-24 of the lengths of row and column.
 */
import { allocate, at, clear, get, mark, release, set } from "./memory";
import { multiplyInto } from "./multiply";

const DEPTH: i32 = 64; // of the common dimension, per pass
const BLOCK: i32 = 64; // rows of the left operand packed at a time
/** Shorter sums are taken in float64: they are cheap, and too few for their errors to be independent. */
const MANY: i32 = 128;
const HEIGHT: i32 = 4;
const WIDTH: i32 = 8;

const edge: usize = memory.data(256, 16);

/** a * b + c, fused where the build has relaxed SIMD. */
function multiplyAddSingle(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}

/**
 * Copies `count` x `depth` elements at `source`, times `factor`, into float32 panels of width x depth, the `width` lying side by
 * side; missing rows of the last panel become 0. `across` and `along` are the strides of the two indices, in elements.
 */
function pack(
  source: usize,
  single: bool,
  factor: f64,
  across: i32,
  along: i32,
  count: i32,
  depth: i32,
  width: i32,
  target: usize,
): void {
  const size: usize = single ? 2 : 3;
  const step = (<usize>along) << size;
  const line = (<usize>width) << 2;
  for (let i = 0; i < count; i += width, target += <usize>depth * line) {
    if (across == 1 && i + width <= count) {
      packRows(source + ((<usize>i) << size), single, factor, step, depth, width, target);
      continue;
    }
    for (let t = 0; t < width; t++) {
      let from = source + ((<usize>(i + t) * <usize>across) << size);
      let to = target + ((<usize>t) << 2);
      const end = to + <usize>depth * line;
      if (i + t >= count) for (; to < end; to += line) store<f32>(to, 0);
      else if (single)
        for (; to < end; to += line, from += step) store<f32>(to, <f32>(<f64>load<f32>(from) * factor));
      else for (; to < end; to += line, from += step) store<f32>(to, <f32>(load<f64>(from) * factor));
    }
  }
}

/** A whole panel of `pack` from rows `step` bytes apart, of which it takes `width` numbers side by side. */
function packRows(
  from: usize,
  single: bool,
  factor: f64,
  step: usize,
  depth: i32,
  width: i32,
  to: usize,
): void {
  const scale = f64x2.splat(factor);
  const line = (<usize>width) << 2;
  for (const end = to + <usize>depth * line; to < end; to += line, from += step) {
    for (let t: usize = 0; t < line; t += 16) {
      let low: v128;
      let high: v128;
      if (single) {
        low = f64x2.promote_low_f32x4(v128.load64_zero(from + t));
        high = f64x2.promote_low_f32x4(v128.load64_zero(from + t, 8));
      } else {
        low = v128.load(from + 2 * t);
        high = v128.load(from + 2 * t, 16);
      }
      low = f32x4.demote_f64x2_zero(f64x2.mul(scale, low));
      high = f32x4.demote_f64x2_zero(f64x2.mul(scale, high));
      v128.store(to + t, v128.shuffle<i64>(low, high, 0, 2));
    }
  }
}

/** C[0..3][0..7] += alpha P Q^T for panels of 4 x depth and 8 x depth, C being float64 with rows `stride` apart. */
function tile(p: usize, q: usize, depth: i32, alpha: f64, c: usize, stride: i32): void {
  let c00 = f32x4.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const end = q + ((<usize>depth) << 5);
  while (q < end) {
    const b0 = v128.load(q);
    const b1 = v128.load(q, 16);
    const a0 = v128.load32_splat(p);
    c00 = multiplyAddSingle(a0, b0, c00);
    c01 = multiplyAddSingle(a0, b1, c01);
    const a1 = v128.load32_splat(p, 4);
    c10 = multiplyAddSingle(a1, b0, c10);
    c11 = multiplyAddSingle(a1, b1, c11);
    const a2 = v128.load32_splat(p, 8);
    c20 = multiplyAddSingle(a2, b0, c20);
    c21 = multiplyAddSingle(a2, b1, c21);
    const a3 = v128.load32_splat(p, 12);
    c30 = multiplyAddSingle(a3, b0, c30);
    c31 = multiplyAddSingle(a3, b1, c31);
    p += 16;
    q += 32;
  }
  const factor = f64x2.splat(alpha);
  const step = (<usize>stride) << 3;
  addTo(c, factor, c00, c01);
  addTo(c + step, factor, c10, c11);
  addTo(c + 2 * step, factor, c20, c21);
  addTo(c + 3 * step, factor, c30, c31);
}

function addTo(c: usize, factor: v128, low: v128, high: v128): void {
  addPair(c, factor, low);
  addPair(c + 16, factor, v128.shuffle<i64>(low, low, 1, 1));
  addPair(c + 32, factor, high);
  addPair(c + 48, factor, v128.shuffle<i64>(high, high, 1, 1));
}

function addPair(c: usize, factor: v128, x: v128): void {
  v128.store(c, f64x2.add(v128.load(c), f64x2.mul(factor, f64x2.promote_low_f32x4(x))));
}

/** As `tile`, for its first `rows` rows and `columns` columns; of row i only the columns before `limit` + i. */
function partialTile(
  p: usize,
  q: usize,
  depth: i32,
  alpha: f64,
  c: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  limit: i32,
): void {
  clear(edge, HEIGHT * WIDTH);
  tile(p, q, depth, alpha, edge, WIDTH);
  for (let i = 0; i < rows; i++) {
    const width = min(columns, limit + i);
    for (let j = 0; j < width; j++) {
      set(c, i * stride + j, get(c, i * stride + j) + get(edge, i * WIDTH + j));
    }
  }
}

/**
 * C += alpha A B, as `multiplyInto` of multiply.ts and with its parameters, in float32; and
 * @param factor what A is multiplied by before it is rounded to float32, beside alpha: a power of two that keeps A B in range
 */
export function multiplySingleInto(
  m: i32,
  n: i32,
  k: i32,
  alpha: f64,
  a: usize,
  aSingle: bool,
  aFactor: f64,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bSingle: bool,
  bFactor: f64,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  lower: bool,
): void {
  if (k < MANY) {
    const factor = alpha * aFactor * bFactor;
    multiplyInto(m, n, k, factor, a, aSingle, aRow, aColumn, b, bSingle, bRow, bColumn, c, cRow, lower);
    return;
  }
  const start = mark();
  const depthMost = min(k, DEPTH);
  const q = allocate((<usize>((n + WIDTH - 1) & -WIDTH) * <usize>depthMost) << 2);
  const p = allocate((<usize>BLOCK * <usize>depthMost) << 2);
  const aSize: usize = aSingle ? 2 : 3;
  const bSize: usize = bSingle ? 2 : 3;
  for (let k0 = 0; k0 < k; k0 += DEPTH) {
    const depth = min(k - k0, DEPTH);
    const row = b + ((<usize>k0 * <usize>bRow) << bSize);
    pack(row, bSingle, bFactor, bColumn, bRow, n, depth, WIDTH, q);
    for (let i0 = 0; i0 < m; i0 += BLOCK) {
      const rows = min(m - i0, BLOCK);
      const corner = <usize>i0 * <usize>aRow + <usize>k0 * <usize>aColumn;
      pack(a + (corner << aSize), aSingle, aFactor, aRow, aColumn, rows, depth, HEIGHT, p);
      const columns = lower ? min(n, i0 + rows) : n;
      for (let j = 0; j < columns; j += WIDTH) {
        for (let i = lower ? max(0, (j - i0) & -HEIGHT) : 0; i < rows; i += HEIGHT) {
          const pi = p + ((<usize>i * <usize>depth) << 2);
          const qj = q + ((<usize>j * <usize>depth) << 2);
          const cij = at(c, (i0 + i) * cRow + j);
          const height = min(rows - i, HEIGHT);
          const width = min(n - j, WIDTH);
          const limit = lower ? i0 + i - j + 1 : WIDTH;
          if (height < HEIGHT || width < WIDTH || limit < WIDTH) {
            partialTile(pi, qj, depth, alpha, cij, cRow, height, width, limit);
          } else tile(pi, qj, depth, alpha, cij, cRow);
        }
      }
    }
  }
  release(start);
}
