/**
 * Reduction of a symmetric matrix to tridiagonal form by Householder reflections, Q^T A Q = T, in panels as LAPACK's
 * dsytrd (Dongarra, Hammarling and Sorensen, 1989): inside a panel the matrix is only read, and 2 x PANEL rank-one
 * changes are then applied at once as a matrix product. Reflections are made from the last row upwards; reflection i
 * acts on coordinates 0 .. i-1 and is kept in row i of A, where it has overwritten the matrix.
 */
import { at, clear, copy, doubles, get, getPair, mark, release, set, setPair } from "./memory";
import { multiply, multiplyInto, rowStride } from "./multiply";
import { axpyPair, dot, laneSum, largest, multiplyAdd, scale } from "./vector";

const PANEL: i32 = 16;
const WIDE: i32 = 32; // reflections applied at once on the way back

let offDiagonal: f64 = 0; // second result of `householder`

/**
 * Overwrites x (n numbers) with the vector u, u_{n-1} = 1, of H = 1 - tau u u^T, for which H x is zero but for its
 * last element, left in `offDiagonal`. Returns tau.
 */
function householder(x: usize, n: i32): f64 {
  const most = largest(x, n);
  const alpha = get(x, n - 1);
  set(x, n - 1, 1);
  offDiagonal = alpha;
  if (most == 0) return 0;
  const factor = 1 / most;
  let squares: f64 = 0;
  for (let i = 0; i < n - 1; i++) {
    const t = get(x, i) * factor;
    squares += t * t;
  }
  if (squares == 0) return 0;
  const last = alpha * factor;
  const norm = sqrt(squares + last * last) * most;
  const beta = alpha > 0 ? -norm : norm;
  scale(n - 1, 1 / (alpha - beta), x);
  offDiagonal = beta;
  return (beta - alpha) / beta;
}

/** y = A x for a symmetric matrix of which the lower triangle is stored, four rows at a time. */
function symmetricTimesVector(a: usize, stride: i32, n: i32, x: usize, y: usize): void {
  clear(y, n);
  const step = (<usize>stride) << 3;
  let r = 0;
  for (; r + 3 < n; r += 4) {
    const a0 = a + <usize>r * step;
    const a1 = a0 + step;
    const a2 = a1 + step;
    const a3 = a2 + step;
    const x0 = v128.load64_splat(at(x, r));
    const x1 = v128.load64_splat(at(x, r + 1));
    const x2 = v128.load64_splat(at(x, r + 2));
    const x3 = v128.load64_splat(at(x, r + 3));
    let s0 = f64x2.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    for (let j = 0; j < r; j += 2) {
      const xj = getPair(x, j);
      const v0 = getPair(a0, j);
      const v1 = getPair(a1, j);
      const v2 = getPair(a2, j);
      const v3 = getPair(a3, j);
      s0 = multiplyAdd(v0, xj, s0);
      s1 = multiplyAdd(v1, xj, s1);
      s2 = multiplyAdd(v2, xj, s2);
      s3 = multiplyAdd(v3, xj, s3);
      const low = multiplyAdd(x1, v1, multiplyAdd(x0, v0, getPair(y, j)));
      setPair(y, j, multiplyAdd(x3, v3, multiplyAdd(x2, v2, low)));
    }
    set(y, r, laneSum(s0));
    set(y, r + 1, laneSum(s1));
    set(y, r + 2, laneSum(s2));
    set(y, r + 3, laneSum(s3));
    for (let i = r; i < r + 4; i++) symmetricRow(at(a, i * stride), i, r, x, y);
  }
  for (; r < n; r++) symmetricRow(at(a, r * stride), r, 0, x, y);
}

/** The part of y = A x that comes from columns first .. i of row i. */
function symmetricRow(row: usize, i: i32, first: i32, x: usize, y: usize): void {
  const xi = get(x, i);
  let sum = get(row, i) * xi;
  for (let j = first; j < i; j++) {
    sum += get(row, j) * get(x, j);
    set(y, j, get(y, j) + get(row, j) * xi);
  }
  set(y, i, get(y, i) + sum);
}

/**
 * Reduces the lower triangle of A (n x n, rows `stride` apart). `d` (n) takes the diagonal of T; `e` (n) its
 * off-diagonal, e_i between i - 1 and i, e_0 = 0; `tau` (n) the factors of the reflections.
 */
export function tridiagonalise(a: usize, n: i32, stride: i32, d: usize, e: usize, tau: usize): void {
  const start = mark();
  const y = doubles(n);
  // Rows 0 .. PANEL-1 hold the vectors u of the panel, the next PANEL rows the vectors w: A -= sum u w^T + w u^T.
  const u = doubles(2 * PANEL * stride);
  const w = at(u, PANEL * stride);
  const swapped = doubles(2 * PANEL * stride);
  for (let high = n; high > 0; high -= PANEL) {
    const low = max(high - PANEL, 0);
    for (let i = high - 1; i >= low; i--) {
      const row = at(a, i * stride);
      const done = high - 1 - i;
      for (let t = 0; t < done; t++) {
        const ut = at(u, t * stride);
        const wt = at(w, t * stride);
        axpyPair(i + 1, -get(ut, i), wt, -get(wt, i), ut, row);
      }
      set(d, i, get(row, i));
      if (i == 0) break;
      const factor = householder(row, i);
      set(e, i, offDiagonal);
      set(tau, i, factor);
      const ui = at(u, done * stride);
      const wi = at(w, done * stride);
      copy(ui, row, i);
      symmetricTimesVector(a, stride, i, ui, wi);
      for (let t = 0; t < done; t++) {
        const ut = at(u, t * stride);
        const wt = at(w, t * stride);
        axpyPair(i, -dot(wt, ui, i), ut, -dot(ut, ui, i), wt, wi);
      }
      const half = 0.5 * factor * dot(wi, ui, i);
      for (let j = 0; j < i; j++) set(wi, j, factor * (get(wi, j) - half * get(ui, j)));
    }
    if (low > 0) {
      copy(swapped, w, PANEL * stride);
      copy(at(swapped, PANEL * stride), u, PANEL * stride);
      multiplyInto(low, low, 2 * PANEL, -1, u, false, 1, stride, swapped, false, stride, 1, a, stride, true);
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
  const products = doubles(WIDE);
  const zv = doubles(count * WIDE);
  const zvt = doubles(count * WIDE);
  for (let first = 1; first < n; first += WIDE) {
    const width = min(n - first, WIDE);
    const length = first + width - 1;
    const vRow = rowStride(length);
    for (let i = 0; i < width; i++) {
      const vi = at(v, i * vRow);
      copy(vi, at(a, (first + i) * stride), first + i);
      clear(at(vi, first + i), vRow - (first + i));
    }
    compactFactor(v, vRow, first, width, at(tau, first), t, products);
    multiply(count, width, length, z, zRow, 1, v, 1, vRow, zv, WIDE);
    multiply(count, width, width, zv, WIDE, 1, t, WIDE, 1, zvt, WIDE);
    multiplyInto(count, length, width, -1, zvt, false, WIDE, 1, v, false, vRow, 1, z, zRow, false);
  }
  release(start);
}

/** The upper triangular factor T of H_{first} ... H_{first+width-1} = 1 - V T V^T, built forwards. */
function compactFactor(
  v: usize,
  vRow: i32,
  first: i32,
  width: i32,
  tau: usize,
  t: usize,
  products: usize,
): void {
  clear(t, WIDE * WIDE);
  for (let i = 0; i < width; i++) {
    const factor = get(tau, i);
    for (let j = 0; j < i; j++) set(products, j, dot(at(v, j * vRow), at(v, i * vRow), first + j));
    for (let j = 0; j < i; j++) {
      let sum: f64 = 0;
      for (let k = j; k < i; k++) sum += get(t, j * WIDE + k) * get(products, k);
      set(t, j * WIDE + i, -factor * sum);
    }
    set(t, i * WIDE + i, factor);
  }
}
