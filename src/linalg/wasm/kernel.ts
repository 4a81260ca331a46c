/**
 * Singular value decomposition of one float32 matrix through the eigenproblem of its Gram matrix in float64.
 *
 * The input is M x N with M >= N (a wide matrix is read transposed, by strides). G = A^T A is N x N; its eigenvectors are
 * the singular vectors of the short side, and u = A v / s are those of the long side. Products of float32 numbers are
 * exact in float64, and squaring the singular values costs sqrt(2^-53) = 1e-8 of the largest, below the rounding of the
 * weights themselves. Where s is too small for u = A v / s to be orthonormal, tail.ts takes over; where it is large, that
 * product is taken in float32.
 */
import { eigenvectors } from "./divide";
import { inverseIteration } from "./inverse";
import { allocate, at, clear, copy, doubles, get, mark, release, set, setSingle } from "./memory";
import { gram, multiplyInto, rowStride } from "./multiply";
import { multiplySingleInto } from "./single";
import { orthonormaliseTail } from "./tail";
import { backTransform, tridiagonalise } from "./tridiagonal";
import { eigenvalues } from "./values";
import { dot } from "./vector";

export { allocate, mark, multiplyInto, release };

/** Singular values below this part of the largest need tail.ts: u is orthonormal to about 2^-53 / HEAD^2 = 1e-7. */
const HEAD: f64 = 3e-5;
/**
 * u = A v / s is orthonormal to 3e-7 in float32 too, where s is above these parts of the largest and of the norm of A over
 * sqrt(m): v is rounded, with a part 2^-25 of the largest direction in it, and so is the product.
 */
const SINGLE: f64 = 0.04;
const SINGLE_NOISE: f64 = 0.2;
/** A singular value below this part of the largest is not known to its first digit. */
const LEAST: f64 = 1e-9;
/** A v no longer than this part of the largest singular value carries no information. */
const NEGLIGIBLE: f64 = 1e-13;
/** Below every number of float32: in place of the largest singular value of a zero matrix. */
const SMALLEST: f64 = 1e-50;
const DONE: i32 = 0;
const NON_FINITE: i32 = 1;
const NOT_CONVERGED: i32 = 2;

const ROWS: i32 = 256; // of the long side, at a time

/**
 * All singular values of an m x n matrix, and the leading vectors of either side. The three outputs overlap neither `a` nor
 * each other; all four lie in `allocate`d blocks, below the stack that is used here.
 * @param a address of the matrix, float32, only read; element (i, j), i < m, j < n, at a + 4 (i row + j column)
 * @param row elements from one row to the next: n for a row-major matrix, 1 for a transposed one
 * @param column elements from one column to the next
 * @param m length of the long side, m >= n
 * @param n length of the short side, n >= 1
 * @param s address for n float64 singular values, falling
 * @param shortVectors address for the vectors of the short side: shortCount vectors of n float32, element i of vector j
 *   at shortVectors + 4 (i shortElement + j shortVector)
 * @param shortElement elements from one number of a vector to its next
 * @param shortVector elements from one vector to the next
 * @param shortCount 0 <= shortCount <= n; with 0, `shortVectors` is not touched
 * @param longVectors address for the vectors of the long side: longCount vectors of m float32, laid out likewise
 * @param longElement as shortElement
 * @param longVector as shortVector
 * @param longCount 0 <= longCount <= n
 * @returns DONE, NON_FINITE if the matrix holds a NaN or an infinity, or NOT_CONVERGED; in the latter two cases the
 *   outputs are undefined
 */
export function decompose(
  a: usize,
  row: i32,
  column: i32,
  m: i32,
  n: i32,
  s: usize,
  shortVectors: usize,
  shortElement: i32,
  shortVector: i32,
  shortCount: i32,
  longVectors: usize,
  longElement: i32,
  longVector: i32,
  longCount: i32,
): i32 {
  const start = mark();
  const stride = rowStride(n);
  const g = doubles(n * stride);
  gram(a, row, column, m, n, g, stride);
  // A sum of squares of float32 numbers cannot overflow: it is finite where its column is.
  for (let i = 0; i < n; i++) if (!isFinite(get(g, i * stride + i))) return NON_FINITE;
  const d = doubles(n);
  const e = doubles(n + 1);
  const tau = doubles(n);
  tridiagonalise(g, n, stride, d, e, tau);

  const lambda = doubles(n);
  copy(lambda, d, n);
  if (!eigenvalues(lambda, e, n)) return NOT_CONVERGED;
  for (let i = 0; i < n; i++) set(s, i, sqrt(max(get(lambda, i), 0)));

  const count = max(shortCount, longCount);
  if (count > 0) {
    const z = shortSide(d, e, n, lambda, count, stride);
    backTransform(g, stride, tau, n, z, stride, count);
    for (let j = 0; j < shortCount; j++) {
      const out = shortVectors + ((<usize>j * <usize>shortVector) << 2);
      for (let i = 0; i < n; i++) setSingle(out, i * shortElement, get(z, j * stride + i));
    }
    if (longCount > 0) {
      longSide(a, row, column, m, n, s, z, stride, longVectors, longElement, longVector, longCount);
    }
  }
  release(start);
  return DONE;
}

/** How many of the leading `count` singular values may be divided by. */
function headCount(s: usize, count: i32): i32 {
  let head = 0;
  while (head < count && get(s, head) > HEAD * get(s, 0)) head++;
  return head;
}

/** The leading `count` eigenvectors of the tridiagonal matrix, as rows. */
function shortSide(d: usize, e: usize, n: i32, lambda: usize, count: i32, stride: i32): usize {
  const before = mark();
  const z = doubles(count * stride);
  if (inverseIteration(d, e, n, lambda, count, z, stride)) return z;
  release(before);
  const q = doubles(n * stride);
  eigenvectors(d, at(e, 1), n, q, stride);
  const swap = doubles(n);
  for (let i = 0, j = n - 1; i < j; i++, j--) {
    copy(swap, at(q, i * stride), n);
    copy(at(q, i * stride), at(q, j * stride), n);
    copy(at(q, j * stride), swap, n);
  }
  return q;
}

/**
 * Eigenvalues (all n, falling) and the leading `count` eigenvectors (rows of n numbers) of the tridiagonal matrix with
 * diagonal d and off-diagonal e_i between i - 1 and i: the part of the work that LAPACK is slower at.
 * @returns DONE or NOT_CONVERGED
 */
export function leadingEigenpairs(d: usize, e: usize, n: i32, count: i32, lambda: usize, z: usize): i32 {
  copy(lambda, d, n);
  if (!eigenvalues(lambda, e, n)) return NOT_CONVERGED;
  if (count == 0 || inverseIteration(d, e, n, lambda, count, z, n)) return DONE;
  return NOT_CONVERGED;
}

/**
 * u_j = A v_j / s_j for j < count, made orthonormal where s_j is small. `out` overlaps none of the inputs.
 * @param a the m x n float32 matrix; element (i, j) at a + 4 (i row + j column)
 * @param row elements from one row to the next
 * @param column elements from one column to the next
 * @param m rows, the length of a vector
 * @param n columns
 * @param s n float64 singular values, falling
 * @param z at least `count` vectors v as rows: n float64 each
 * @param zRow float64 numbers from one v to the next
 * @param out address for `count` vectors of m float32; element i of vector j at out + 4 (i element + j vector)
 * @param element elements from one number of a vector to its next
 * @param vector elements from one vector to the next
 * @param count how many, 1 <= count <= n
 */
function longSide(
  a: usize,
  row: i32,
  column: i32,
  m: i32,
  n: i32,
  s: usize,
  z: usize,
  zRow: i32,
  out: usize,
  element: i32,
  vector: i32,
  count: i32,
): void {
  const head = headCount(s, count);
  if (head < count) {
    longSideWithTail(a, row, column, m, n, s, z, zRow, out, element, vector, count, head);
    return;
  }
  // The product is taken in the orientation of `out`, so that both sides are written along rows.
  const byVector = element == 1;
  const start = mark();
  const w = doubles(ROWS * count);
  for (let r0 = 0; r0 < m; r0 += ROWS) {
    const rows = min(m - r0, ROWS);
    const block = a + ((<usize>r0 * <usize>row) << 2);
    images(
      block,
      row,
      column,
      rows,
      n,
      s,
      z,
      zRow,
      w,
      byVector ? 1 : count,
      byVector ? rows : 1,
      count,
      count,
    );
    const corner = out + ((<usize>r0 * <usize>element) << 2);
    for (let j = 0; j < count; j++) {
      const factor = 1 / get(s, j);
      const source = byVector ? at(w, j * rows) : at(w, j);
      const step = byVector ? 1 : count;
      const target = corner + ((<usize>j * <usize>vector) << 2);
      for (let i = 0; i < rows; i++) setSingle(target, i * element, get(source, i * step) * factor);
    }
  }
  release(start);
}

/**
 * w_j = A v_j for j < count, with A, s and v as in `longSide`: in float64 where a small s_j will be divided by, else in
 * float32. One of `element` and `vector` is 1.
 * @param w address for count vectors of m float64; element i of vector j at w + 8 (i element + j vector)
 * @param head number of leading vectors whose s_j will be divided by
 */
function images(
  a: usize,
  row: i32,
  column: i32,
  m: i32,
  n: i32,
  s: usize,
  z: usize,
  zRow: i32,
  w: usize,
  element: i32,
  vector: i32,
  count: i32,
  head: i32,
): void {
  clear(w, element == 1 ? count * vector : m * element);
  const factor = get(s, 0) > 0 ? powerBelow(1 / get(s, 0)) : 1; // keeps float32 in range
  const large = min(head, largeCount(s, m, n));
  // Rounding fills the tail of a long matrix with independent directions; a square one has none to spare.
  const precise = 2 * m >= 3 * n ? head : count;
  for (let part = 0; part < 3; part++) {
    const first = part == 0 ? 0 : part == 1 ? large : precise;
    const size = (part == 0 ? large : part == 1 ? precise : count) - first;
    const v = at(z, first * zRow);
    const to = at(w, first * vector);
    // Either way the result is written along its rows.
    if (element == 1) {
      if (part == 1) multiplyInto(size, m, n, 1, v, false, zRow, 1, a, true, column, row, to, vector, false);
      else
        multiplySingleInto(
          size,
          m,
          n,
          1 / factor,
          v,
          false,
          1,
          zRow,
          1,
          a,
          true,
          factor,
          column,
          row,
          to,
          vector,
          false,
        );
    } else if (part == 1)
      multiplyInto(m, size, n, 1, a, true, row, column, v, false, 1, zRow, to, element, false);
    else
      multiplySingleInto(
        m,
        size,
        n,
        1 / factor,
        a,
        true,
        factor,
        row,
        column,
        v,
        false,
        1,
        1,
        zRow,
        to,
        element,
        false,
      );
  }
}

/** How many leading singular values are large enough to divide a product in float32 by. */
function largeCount(s: usize, m: i32, n: i32): i32 {
  const bound = max(SINGLE * get(s, 0), SINGLE_NOISE * sqrt(dot(s, s, n) / <f64>m));
  let count = 0;
  while (count < n && get(s, count) > bound) count++;
  return count;
}

/** The largest power of two that is not above x; x is normal and > 0. */
function powerBelow(x: f64): f64 {
  return reinterpret<f64>(reinterpret<u64>(x) & 0x7ff0000000000000);
}

/**
 * As `longSide`, with the same parameters, where singular values are too small to divide by: all of U is made in float64
 * first (m x count, in memory of its own), and what comes after the first vectors is made orthonormal.
 * @param head number of leading vectors, 0 <= head < count, whose s_j may be divided by
 */
function longSideWithTail(
  a: usize,
  row: i32,
  column: i32,
  m: i32,
  n: i32,
  s: usize,
  z: usize,
  zRow: i32,
  out: usize,
  element: i32,
  vector: i32,
  count: i32,
  head: i32,
): void {
  const start = mark();
  const stride = rowStride(count);
  const w = allocate((<usize>m * <usize>stride) << 3);
  images(a, row, column, m, n, s, z, zRow, w, stride, 1, count, head);
  const factors = doubles(count);
  for (let j = 0; j < count; j++) set(factors, j, 1 / max(get(s, j), LEAST * max(get(s, 0), SMALLEST)));
  for (let i = 0; i < m; i++) {
    const wi = at(w, i * stride);
    for (let j = 0; j < count; j++) set(wi, j, get(wi, j) * get(factors, j));
  }
  orthonormaliseTail(w, stride, m, count, head, NEGLIGIBLE / LEAST);
  // A few vectors at a time, so that both sides are read and written along lines of the cache.
  for (let first = 0; first < count; first += 8) {
    const end = min(first + 8, count);
    for (let i = 0; i < m; i++) {
      const wi = at(w, i * stride);
      for (let j = first; j < end; j++) setSingle(out, i * element + j * vector, get(wi, j));
    }
  }
  release(start);
}
