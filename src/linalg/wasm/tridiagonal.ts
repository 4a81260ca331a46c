/**
 * Reduction of a symmetric matrix to tridiagonal form by Householder reflections, Q^T A Q = T, in panels as LAPACK's
 * dsytrd (Dongarra, Hammarling and Sorensen, 1989): inside a panel the matrix is only read, and 2 x PANEL rank-one
 * changes are then applied at once as a matrix product. Reflections are made from the last row upwards; reflection i
 * acts on coordinates 0 .. i-1 and is kept in row i of A, where it has overwritten the matrix.
 */
import { at, clear, copy, doubles, get, mark, release, set } from "./memory";
import { multiply, multiplyInto, rowStride } from "./multiply";
import { addRows, axpy, dot, dots, laneSum, multiplyAdd, scale } from "./vector";

const PANEL: i32 = 16;
const WIDE: i32 = 32; // reflections applied at once on the way back
const NOTHING: f64 = 1e-16; // an element of a unit vector that is lost in its rounding

let offDiagonal: f64 = 0; // second result of `householder`

/**
 * Overwrites x (n numbers) with the vector u, u_{n-1} = 1, of H = 1 - tau u u^T, for which H x is zero but for its
 * last element, left in `offDiagonal`. Returns tau. The numbers come from products of float32 numbers: their squares stay
 * within the range of float64.
 */
function householder(x: usize, n: i32): f64 {
  const alpha = get(x, n - 1);
  const squares = dot(x, x, n - 1);
  set(x, n - 1, 1);
  offDiagonal = alpha;
  if (squares == 0) return 0;
  const norm = sqrt(squares + alpha * alpha);
  const beta = alpha > 0 ? -norm : norm;
  scale(n - 1, 1 / (alpha - beta), x);
  offDiagonal = beta;
  return (beta - alpha) / beta;
}

/** y = A x for a symmetric matrix of which the lower triangle is stored: every element is read once, four rows at a time. */
function symmetricTimesVector(a: usize, stride: i32, n: i32, x: usize, y: usize): void {
  clear(y, n);
  const step = (<usize>stride) << 3;
  let r = 0;
  for (; r + 3 < n; r += 4) {
    let p = a + <usize>r * step;
    const x0 = v128.load64_splat(at(x, r));
    const x1 = v128.load64_splat(at(x, r), 8);
    const x2 = v128.load64_splat(at(x, r), 16);
    const x3 = v128.load64_splat(at(x, r), 24);
    let s0 = f64x2.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let px = x;
    let py = y;
    for (const end = at(x, r); px < end; px += 16, py += 16, p += 16) {
      const v0 = v128.load(p);
      const v1 = v128.load(p + step);
      const v2 = v128.load(p + 2 * step);
      const v3 = v128.load(p + 3 * step);
      const xj = v128.load(px);
      s0 = multiplyAdd(v0, xj, s0);
      s1 = multiplyAdd(v1, xj, s1);
      s2 = multiplyAdd(v2, xj, s2);
      s3 = multiplyAdd(v3, xj, s3);
      const low = multiplyAdd(x1, v1, multiplyAdd(x0, v0, v128.load(py)));
      v128.store(py, multiplyAdd(x3, v3, multiplyAdd(x2, v2, low)));
    }
    set(y, r, laneSum(s0));
    set(y, r + 1, laneSum(s1));
    set(y, r + 2, laneSum(s2));
    set(y, r + 3, laneSum(s3));
  }
  diagonalBlocksTimesVector(a, step, r, x, y);
  for (; r < n; r++) {
    const row = at(a, r * stride);
    set(y, r, dot(row, x, r) + get(row, r) * get(x, r));
    axpy(r, get(x, r), row, y);
  }
}

/** y += D x for the 4 x 4 blocks D on the diagonal of A, of which the lower triangle is stored; n is a multiple of 4. */
function diagonalBlocksTimesVector(a: usize, step: usize, n: i32, x: usize, y: usize): void {
  let p = a;
  for (const end = at(x, n); x < end; x += 32, y += 32, p += 4 * step + 32) {
    const b = p + step;
    const c = b + step;
    const d = c + step;
    const x0 = get(x, 0);
    const x1 = get(x, 1);
    const x2 = get(x, 2);
    const x3 = get(x, 3);
    set(y, 0, get(y, 0) + get(p, 0) * x0 + get(b, 0) * x1 + (get(c, 0) * x2 + get(d, 0) * x3));
    set(y, 1, get(y, 1) + get(b, 0) * x0 + get(b, 1) * x1 + (get(c, 1) * x2 + get(d, 1) * x3));
    set(y, 2, get(y, 2) + get(c, 0) * x0 + get(c, 1) * x1 + (get(c, 2) * x2 + get(d, 2) * x3));
    set(y, 3, get(y, 3) + get(d, 0) * x0 + get(d, 1) * x1 + (get(d, 2) * x2 + get(d, 3) * x3));
  }
}

/**
 * Reduces the lower triangle of A (n x n, rows `stride` apart). `d` (n) takes the diagonal of T; `e` (n) its
 * off-diagonal, e_i between i - 1 and i, e_0 = 0; `tau` (n) the factors of the reflections.
 */
export function tridiagonalise(a: usize, n: i32, stride: i32, d: usize, e: usize, tau: usize): void {
  const start = mark();
  // Rows 2 t and 2 t + 1 hold the vectors u and w of reflection t of the panel: A -= sum u w^T + w u^T.
  const pairs = doubles(2 * PANEL * stride);
  const swapped = doubles(2 * PANEL * stride);
  const factors = doubles(2 * PANEL);
  for (let high = n; high > 0; high -= PANEL) {
    const low = max(high - PANEL, 0);
    for (let i = high - 1; i >= low; i--) {
      const row = at(a, i * stride);
      const done = 2 * (high - 1 - i);
      for (let t = 0; t < done; t++) set(factors, t, -get(pairs, (t ^ 1) * stride + i));
      addRows(i + 1, pairs, stride, done, factors, row);
      set(d, i, get(row, i));
      if (i == 0) break;
      const factor = householder(row, i);
      set(e, i, offDiagonal);
      set(tau, i, factor);
      const u = at(pairs, done * stride);
      const w = at(u, stride);
      copy(u, row, i);
      symmetricTimesVector(a, stride, i, u, w);
      dots(i, pairs, stride, done, u, factors);
      for (let t = 0; t < done; t += 2) {
        const product = get(factors, t);
        set(factors, t, -get(factors, t + 1));
        set(factors, t + 1, -product);
      }
      addRows(i, pairs, stride, done, factors, w);
      const half = 0.5 * factor * dot(w, u, i);
      axpy(i, -half, u, w);
      scale(i, factor, w);
    }
    if (low > 0) {
      for (let t = 0; t < 2 * PANEL; t++) copy(at(swapped, t * stride), at(pairs, (t ^ 1) * stride), low);
      multiplyInto(
        low,
        low,
        2 * PANEL,
        -1,
        pairs,
        false,
        1,
        stride,
        swapped,
        false,
        stride,
        1,
        a,
        stride,
        true,
      );
    }
  }
  set(e, 0, 0);
  set(tau, 0, 0);
  release(start);
}

/**
 * Turns eigenvectors of T into eigenvectors of A: z <- Q z for each of the `count` rows of Z (n numbers, rows
 * `zRow` apart). Reflections are applied WIDE at a time in the compact form 1 - V T V^T (Schreiber and Van Loan, 1989).
 */
export function backTransform(
  a: usize,
  stride: i32,
  tau: usize,
  n: i32,
  z: usize,
  zRow: i32,
  count: i32,
): void {
  const start = mark();
  const v = doubles(WIDE * rowStride(n));
  const t = doubles(WIDE * WIDE);
  const products = doubles(WIDE * WIDE);
  const zv = doubles(count * WIDE);
  const zvt = doubles(count * WIDE);
  const empty = emptyColumns(z, zRow, n, count);
  for (let first = 1; first < n; first += WIDE) {
    const width = min(n - first, WIDE);
    const length = first + width - 1;
    if (length <= empty) continue; // these reflections would turn nothing
    const vRow = rowStride(length);
    for (let i = 0; i < width; i++) {
      const vi = at(v, i * vRow);
      copy(vi, at(a, (first + i) * stride), first + i);
      clear(at(vi, first + i), vRow - (first + i));
    }
    compactFactor(v, vRow, length, width, at(tau, first), t, products);
    multiply(count, width, length, z, zRow, 1, v, 1, vRow, zv, WIDE);
    multiply(count, width, width, zv, WIDE, 1, t, WIDE, 1, zvt, WIDE);
    multiplyInto(count, length, width, -1, zvt, false, WIDE, 1, v, false, vRow, 1, z, zRow, false);
  }
  release(start);
}

/** How many leading numbers are negligible in each of the `count` unit vectors: many, of the first ones of a steep spectrum. */
function emptyColumns(z: usize, zRow: i32, n: i32, count: i32): i32 {
  let empty = n;
  for (let j = 0; j < count; j++) {
    const zj = at(z, j * zRow);
    for (let i = 0; i < empty; i++) if (abs(get(zj, i)) > NOTHING) empty = i;
  }
  return empty;
}

/**
 * The upper triangular factor T of H_{first} ... H_{first+width-1} = 1 - V T V^T, built forwards; T and the room for the
 * inner products of the rows of V have rows of WIDE numbers.
 */
function compactFactor(
  v: usize,
  vRow: i32,
  length: i32,
  width: i32,
  tau: usize,
  t: usize,
  products: usize,
): void {
  clear(t, WIDE * WIDE);
  clear(products, WIDE * WIDE);
  multiplyInto(width, width, length, 1, v, false, vRow, 1, v, false, 1, vRow, products, WIDE, true);
  for (let i = 0; i < width; i++) {
    const factor = get(tau, i);
    for (let j = 0; j < i; j++) {
      set(t, j * WIDE + i, -factor * dot(at(t, j * WIDE + j), at(products, i * WIDE + j), i - j));
    }
    set(t, i * WIDE + i, factor);
  }
}
