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
import { multiplySingleInto } from "./single";
import { axpy, dot, scale } from "./vector";

const ROWS: i32 = 256; // of W at a time
const COLUMNS: i32 = 256; // of the product at a time: those after them are zero in a triangle
const LEAF: i32 = 64; // of the Cholesky factorisation
const PASSES: i32 = 6;
/** A squared pivot, of 1, at which a vector depends on those before it. */
const DEPENDENT: f64 = 1e-10;
/** The smallest squared pivot, of 1, with which vectors become orthonormal to float32, */
const GOOD: f64 = 1e-4;
/** and that with which products in float32 will do. */
const TAME: f64 = 0.1;

/**
 * Makes columns head .. columns-1 of W (m x columns, row-major, rows `stride` apart) orthonormal, also to the columns
 * before them, which are so already. Columns no longer than `negligible` carry no information and are replaced by an
 * orthonormal completion; none is longer than 1e4. Cholesky QR (Fukaya et al., 2014) of what the projection on the head
 * leaves, repeated until the factor is well conditioned; a column that depends on the others is replaced by a random one.
 */
export function orthonormaliseTail(
  w: usize,
  stride: i32,
  m: i32,
  columns: i32,
  head: i32,
  negligible: f64,
): void {
  const start = mark();
  const count = columns - head;
  const tail = at(w, head);
  // W <- W change, where change is columns x count: what is subtracted of the head, above a triangle.
  const change = doubles(columns * count);
  const overlap = doubles(head * count);
  const factor = doubles(count * count);
  const inverse = doubles(count * count);
  const lengths = doubles(count);
  const dependent = integers(count);
  seedRandom(12345);
  for (let pass = 0; pass < PASSES; pass++) {
    if (pass > 0) replaceMarked(tail, m, stride, count, dependent);
    innerProducts(tail, m, stride, count, factor);
    if (pass == 0 && markShort(factor, count, negligible, dependent)) {
      replaceMarked(tail, m, stride, count, dependent);
      innerProducts(tail, m, stride, count, factor);
    }
    // Of unit vectors, without their parts in the head.
    for (let j = 0; j < count; j++) set(lengths, j, 1 / sqrt(get(factor, j * count + j)));
    for (let i = 0; i < count; i++) {
      for (let j = 0; j <= i; j++) {
        set(factor, i * count + j, get(factor, i * count + j) * get(lengths, i) * get(lengths, j));
      }
    }
    if (head > 0) {
      multiply(head, count, m, w, 1, stride, tail, stride, 1, overlap, count);
      for (let i = 0; i < head; i++) {
        for (let j = 0; j < count; j++) {
          set(overlap, i * count + j, get(overlap, i * count + j) * get(lengths, j));
        }
      }
      multiplyInto(
        count,
        count,
        head,
        -1,
        overlap,
        false,
        1,
        count,
        overlap,
        false,
        count,
        1,
        factor,
        count,
        true,
      );
    }
    const smallest = choleskyInverse(factor, count, count, inverse, dependent);
    if (head > 0) multiply(head, count, count, overlap, count, 1, inverse, 1, count, change, count);
    for (let i = 0; i < head * count; i++) set(change, i, -get(change, i));
    for (let i = 0; i < count; i++) {
      const row = at(change, (head + i) * count);
      for (let j = 0; j < count; j++) set(row, j, get(inverse, j * count + i) * get(lengths, i));
    }
    applyChange(w, stride, m, columns, head, change, smallest > TAME);
    if (smallest > GOOD) break;
  }
  release(start);
}

/** Lower triangle of the inner products of `count` columns. */
function innerProducts(w: usize, m: i32, stride: i32, count: i32, products: usize): void {
  clear(products, count * count);
  multiplyInto(count, count, m, 1, w, false, 1, stride, w, false, stride, 1, products, count, true);
}

/** Marks columns no longer than `negligible` by their inner products; whether there are any. */
function markShort(products: usize, count: i32, negligible: f64, marked: usize): bool {
  let any = false;
  for (let j = 0; j < count; j++) {
    const short = !(get(products, j * count + j) > negligible * negligible);
    setInteger(marked, j, short ? 1 : 0);
    any = any || short;
  }
  return any;
}

/** Marked columns become random, about 1 long. */
function replaceMarked(w: usize, m: i32, stride: i32, count: i32, marked: usize): void {
  const typical = sqrt(3 / <f64>m);
  for (let j = 0; j < count; j++) {
    if (getInteger(marked, j) == 0) continue;
    for (let r = 0; r < m; r++) set(w, r * stride + j, random() * typical);
  }
}

/**
 * Overwrites the lower triangle of a Gram matrix (n x n, rows `stride` apart) of unit vectors with its Cholesky factor, and
 * `inverse`, n x n of the same stride, with the factor's inverse, its upper triangle cleared. A vector that depends on those
 * before it is marked in `dependent` and stands alone in the factor. By halves, so that most of it are products of matrices.
 * Returns the smallest squared pivot, 0 if one was marked.
 */
function choleskyInverse(g: usize, n: i32, stride: i32, inverse: usize, dependent: usize): f64 {
  if (n <= LEAF) {
    const smallest = cholesky(g, n, stride, dependent);
    invertLower(g, n, stride, inverse);
    return smallest;
  }
  const start = mark();
  const half = (n / 2 + 3) & ~3;
  const rest = n - half;
  const g21 = at(g, half * stride);
  const g22 = at(g21, half);
  const inverse21 = at(inverse, half * stride);
  const inverse22 = at(inverse21, half);
  const product = doubles(rest * half);
  let smallest = choleskyInverse(g, half, stride, inverse, dependent);
  // L21 = G21 L11^-T, and what is left of G22
  multiply(rest, half, half, g21, stride, 1, inverse, 1, stride, product, half);
  for (let i = 0; i < rest; i++) {
    for (let j = 0; j < half; j++) if (getInteger(dependent, j)) set(product, i * half + j, 0);
    copy(at(g21, i * stride), at(product, i * half), half);
  }
  multiplyInto(rest, rest, half, -1, product, false, half, 1, product, false, 1, half, g22, stride, true);
  const restMarks = dependent + ((<usize>half) << 2);
  smallest = min(smallest, choleskyInverse(g22, rest, stride, inverse22, restMarks));
  for (let i = 0; i < rest; i++) {
    if (getInteger(restMarks, i)) clear(at(g21, i * stride), half);
  }
  // -L22^-1 L21 L11^-1
  multiply(rest, half, half, g21, stride, 1, inverse, stride, 1, product, half);
  for (let i = 0; i < rest; i++) clear(at(inverse21, i * stride), half);
  multiplyInto(
    rest,
    half,
    rest,
    -1,
    inverse22,
    false,
    stride,
    1,
    product,
    false,
    half,
    1,
    inverse21,
    stride,
    false,
  );
  for (let i = 0; i < half; i++) clear(at(inverse, i * stride + half), rest);
  release(start);
  return smallest;
}

/** `choleskyInverse`'s factor, row by row. */
function cholesky(g: usize, n: i32, stride: i32, dependent: usize): f64 {
  let smallest: f64 = 1;
  for (let i = 0; i < n; i++) {
    const row = at(g, i * stride);
    setInteger(dependent, i, 0);
    for (let j = 0; j < i; j++) {
      const above = at(g, j * stride);
      set(row, j, getInteger(dependent, j) ? 0 : (get(row, j) - dot(row, above, j)) / get(above, j));
    }
    const pivot = get(row, i) - dot(row, row, i);
    if (pivot > DEPENDENT) {
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
function invertLower(l: usize, n: i32, stride: i32, inverse: usize): void {
  for (let i = 0; i < n; i++) {
    const row = at(inverse, i * stride);
    clear(row, n);
    for (let k = 0; k < i; k++) {
      const factor = get(l, i * stride + k);
      if (factor != 0) axpy(k + 1, -factor, at(inverse, k * stride), row);
    }
    const reciprocal = 1 / get(l, i * stride + i);
    scale(i, reciprocal, row);
    set(row, i, reciprocal);
  }
}

/**
 * Columns head .. columns-1 of W (m x columns) become W change, in float32 with `single`. Of column j of `change`, rows after
 * head + j are zero.
 */
function applyChange(
  w: usize,
  stride: i32,
  m: i32,
  columns: i32,
  head: i32,
  change: usize,
  single: bool,
): void {
  const start = mark();
  const count = columns - head;
  const product = doubles(ROWS * count);
  for (let r0 = 0; r0 < m; r0 += ROWS) {
    const rows = min(m - r0, ROWS);
    const block = at(w, r0 * stride);
    clear(product, rows * count);
    for (let j = 0; j < count; j += COLUMNS) {
      const width = min(count - j, COLUMNS);
      const depth = head + j + width;
      const from = at(change, j);
      const to = at(product, j);
      if (single)
        multiplySingleInto(
          rows,
          width,
          depth,
          1,
          block,
          false,
          1,
          stride,
          1,
          from,
          false,
          1,
          count,
          1,
          to,
          count,
          false,
        );
      else
        multiplyInto(rows, width, depth, 1, block, false, stride, 1, from, false, count, 1, to, count, false);
    }
    for (let r = 0; r < rows; r++) copy(at(block, r * stride + head), at(product, r * count), count);
  }
  release(start);
}
