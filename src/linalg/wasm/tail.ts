/** Singular vectors of the long side whose singular values are too small for u = A v / s. */
import {
  at,
  clear,
  copy,
  doubles,
  get,
  getInteger,
  integers,
  mark,
  release,
  set,
  setInteger,
} from "./memory";
import { multiply, multiplyInto } from "./multiply";
import { random, seedRandom } from "./random";
import { axpy, dot, scale } from "./vector";

const ROWS: i32 = 128;
const PASSES: i32 = 6;

/**
 * Makes columns head .. columns-1 of W (m x columns, row-major) orthonormal, also to the columns before them, which
 * are so already; columns no longer than `negligible` carry no information and are replaced by an orthonormal completion.
 * Projection on the head, then Cholesky QR (Fukaya et al., 2014), repeated until the factor is well conditioned;
 * a column that depends on the others is replaced by a random one.
 */
export function orthonormaliseTail(w: usize, m: i32, columns: i32, head: i32, negligible: f64): void {
  const start = mark();
  const count = columns - head;
  const tail = at(w, head);
  const overlap = doubles(head * count);
  const factor = doubles(count * count);
  const inverse = doubles(count * count);
  const dependent = integers(count);
  for (let j = 0; j < count; j++) setInteger(dependent, j, 0);
  seedRandom(12345);
  for (let pass = 0; pass < PASSES; pass++) {
    normaliseColumns(tail, m, columns, count, pass == 0 ? negligible : 0, dependent);
    if (head > 0) {
      multiply(head, count, m, w, 1, columns, tail, columns, 1, overlap, count);
      multiplyInto(m, count, head, -1, w, false, columns, 1, overlap, false, count, 1, tail, columns, false);
    }
    for (let i = 0; i < count; i++) clear(at(factor, i * count), count);
    multiplyInto(count, count, m, 1, tail, false, 1, columns, tail, false, columns, 1, factor, count, true);
    const smallest = cholesky(factor, count, dependent);
    invertLower(factor, count, inverse);
    timesTransposed(tail, m, columns, inverse, count);
    if (smallest > 1e-4) break;
  }
  release(start);
}

/** Scales every column to length 1; those marked or no longer than `negligible` become random. */
function normaliseColumns(w: usize, m: i32, stride: i32, count: i32, negligible: f64, marked: usize): void {
  const start = mark();
  const lengths = doubles(count);
  clear(lengths, count);
  for (let r = 0; r < m; r++) {
    for (let j = 0; j < count; j++) {
      const x = get(w, r * stride + j);
      set(lengths, j, get(lengths, j) + x * x);
    }
  }
  for (let j = 0; j < count; j++) {
    const length = sqrt(get(lengths, j));
    const useless = getInteger(marked, j) != 0 || !(length > negligible);
    set(lengths, j, useless ? 0 : 1 / length);
  }
  const typical = sqrt(3 / <f64>m); // a random column is then about 1 long
  for (let r = 0; r < m; r++) {
    const row = at(w, r * stride);
    for (let j = 0; j < count; j++) {
      const factor = get(lengths, j);
      set(row, j, factor == 0 ? random() * typical : get(row, j) * factor);
    }
  }
  release(start);
}

/**
 * Overwrites the lower triangle of a Gram matrix of unit vectors with its Cholesky factor. A vector that depends on those
 * before it is marked in `dependent` and stands alone in the factor. Returns the smallest squared pivot, 0 if one was marked.
 */
function cholesky(g: usize, n: i32, dependent: usize): f64 {
  let smallest: f64 = 1;
  for (let i = 0; i < n; i++) {
    const row = at(g, i * n);
    setInteger(dependent, i, 0);
    for (let j = 0; j < i; j++) {
      const above = at(g, j * n);
      set(row, j, getInteger(dependent, j) ? 0 : (get(row, j) - dot(row, above, j)) / get(above, j));
    }
    const pivot = get(row, i) - dot(row, row, i);
    if (pivot > 1e-10) {
      set(row, i, sqrt(pivot));
      smallest = min(smallest, pivot);
    } else {
      clear(row, i);
      set(row, i, 1);
      setInteger(dependent, i, 1);
      smallest = 0;
    }
  }
  return smallest;
}

/** inverse = L^-1, both lower triangular; the upper triangle of `inverse` is cleared. */
function invertLower(l: usize, n: i32, inverse: usize): void {
  clear(inverse, n * n);
  for (let i = 0; i < n; i++) {
    const row = at(inverse, i * n);
    for (let k = 0; k < i; k++) {
      const factor = get(l, i * n + k);
      if (factor != 0) axpy(k + 1, -factor, at(inverse, k * n), row);
    }
    const reciprocal = 1 / get(l, i * n + i);
    scale(i, reciprocal, row);
    set(row, i, reciprocal);
  }
}

/** W <- W B^T in place, ROWS rows at a time; B is count x count. */
function timesTransposed(w: usize, m: i32, stride: i32, b: usize, count: i32): void {
  const start = mark();
  const product = doubles(ROWS * count);
  for (let r0 = 0; r0 < m; r0 += ROWS) {
    const rows = min(m - r0, ROWS);
    multiply(rows, count, count, at(w, r0 * stride), stride, 1, b, 1, count, product, count);
    for (let r = 0; r < rows; r++) copy(at(w, (r0 + r) * stride), at(product, r * count), count);
  }
  release(start);
}
