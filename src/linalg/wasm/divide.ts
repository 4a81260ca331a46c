/**
 * All eigenvalues and eigenvectors of a symmetric tridiagonal matrix by divide and conquer (Cuppen, 1981; Gu and
 * Eisenstat, 1995; LAPACK's dstedc): cut into two halves by a rank-one change, solve each, and join them through the
 * secular equation. Eigenvectors are rows here, so that joining is a product of contiguous rows.
 */
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
import { multiply } from "./multiply";
import { smallEigen } from "./ql";
import { exactUpdate, secularRoot } from "./secular";
import { dot, largest, scale } from "./vector";

const EPSILON: f64 = 1.1102230246251565e-16;
const LEAF: i32 = 32;

// Which halves a row has numbers in: the first, both, the second.
const FIRST: i32 = 0;
const BOTH: i32 = 1;
const SECOND: i32 = 2;

/**
 * d (n) is the diagonal and becomes the eigenvalues, rising; e_i joins i and i + 1 and is destroyed; row i of q (rows
 * `stride` apart) becomes eigenvector i.
 */
export function eigenvectors(d: usize, e: usize, n: i32, q: usize, stride: i32): void {
  const start = mark();
  for (let i = 0; i < n; i++) clear(at(q, i * stride), n);
  const size = max(largest(d, n), largest(e, n - 1));
  if (size > 0) {
    scale(n, 1 / size, d);
    scale(n - 1, 1 / size, e);
  }
  divide(d, e, n, q, stride, doubles(n * n));
  if (size > 0) scale(n, size, d);
  release(start);
}

function divide(d: usize, e: usize, n: i32, q: usize, stride: i32, work: usize): void {
  if (n <= LEAF) {
    smallEigen(d, e, n, q, stride);
    return;
  }
  const half = n / 2;
  const joint = get(e, half - 1);
  set(d, half - 1, get(d, half - 1) - abs(joint));
  set(d, half, get(d, half) - abs(joint));
  divide(d, e, half, q, stride, work);
  divide(at(d, half), at(e, half), n - half, at(q, half * stride + half), stride, work);
  join(d, n, half, joint, q, stride, work);
}

/** Eigenvectors of the two halves, and the joint between them, to those of the whole. */
function join(d: usize, n: i32, half: i32, joint: f64, q: usize, stride: i32, work: usize): void {
  const start = mark();
  const z = doubles(n);
  for (let i = 0; i < half; i++) set(z, i, get(q, i * stride + half - 1));
  for (let i = half; i < n; i++) set(z, i, (joint < 0 ? -1.0 : 1.0) * get(q, i * stride + half));
  const norm2 = dot(z, z, n);
  scale(n, 1 / sqrt(norm2), z);
  const rho = abs(joint) * norm2;

  const kind = integers(n);
  const kept = integers(n);
  const deflated = integers(n);
  const keptCount = deflate(d, z, n, half, rho, q, stride, kind, kept, deflated);

  // Sort the kept rows by kind, so that the numbers of each half form one block.
  const order = integers(n);
  let count = 0;
  let firstCount = 0;
  let upToBoth = 0;
  for (let k = FIRST; k <= SECOND; k++) {
    for (let i = 0; i < keptCount; i++) {
      if (getInteger(kind, getInteger(kept, i)) == k) setInteger(order, count++, i);
    }
    if (k == FIRST) firstCount = count;
    if (k == BOTH) upToBoth = count;
  }

  const lambda = doubles(n);
  if (keptCount > 0) rankOneUpdate(d, z, rho, keptCount, kept, order, lambda, work);
  const joined = doubles(keptCount * n);
  combine(q, stride, n, half, keptCount, kept, order, firstCount, upToBoth, work, joined);
  interleave(d, n, q, stride, keptCount, lambda, joined, deflated);
  release(start);
}

/**
 * Sorts the rows into those that the joint changes, `kept`, and the others, `deflated`: where z is negligible, or where
 * two eigenvalues are so close that a rotation can make it so. No two arrays overlap.
 * @param d n float64 eigenvalues, rising in 0 .. half-1 and in half .. n-1; those that are rotated change
 * @param z n float64, of length 1: the vector of the rank-one change rho z z^T; changed by the rotations
 * @param n rows in all
 * @param half rows of the first half
 * @param rho size of the rank-one change, >= 0
 * @param q n x n float64 eigenvectors as rows; those that are rotated change
 * @param stride float64 numbers from one row of q to the next
 * @param kind n int32 (out): in which halves each row has numbers: FIRST, BOTH or SECOND
 * @param kept room for n int32 (out): the numbers of the kept rows, in order of rising d
 * @param deflated room for n int32 (out): the numbers of the others, in no order
 * @returns how many are kept
 */
function deflate(
  d: usize,
  z: usize,
  n: i32,
  half: i32,
  rho: f64,
  q: usize,
  stride: i32,
  kind: usize,
  kept: usize,
  deflated: usize,
): i32 {
  const start = mark();
  const order = integers(n);
  let a = 0;
  let b = half;
  for (let k = 0; k < n; k++) {
    const left = a < half && (b >= n || get(d, a) <= get(d, b));
    setInteger(order, k, left ? a++ : b++);
  }
  for (let i = 0; i < n; i++) setInteger(kind, i, i < half ? FIRST : SECOND);
  const tolerance = 8 * EPSILON * max(largest(d, n), largest(z, n));
  let keptCount = 0;
  let deflatedCount = 0;
  let previous = -1;
  for (let k = 0; k < n; k++) {
    const next = getInteger(order, k);
    if (rho <= tolerance || rho * abs(get(z, next)) <= tolerance) {
      setInteger(deflated, deflatedCount++, next);
      continue;
    }
    if (previous >= 0) {
      const length = sqrt(get(z, previous) * get(z, previous) + get(z, next) * get(z, next));
      const c = get(z, next) / length;
      const s = get(z, previous) / length;
      const gap = get(d, next) - get(d, previous);
      if (abs(gap * c * s) <= tolerance) {
        if (getInteger(kind, next) != getInteger(kind, previous)) {
          setInteger(kind, next, BOTH);
          setInteger(kind, previous, BOTH);
        }
        set(z, next, length);
        set(z, previous, 0);
        rotateRows(at(q, previous * stride), at(q, next * stride), n, c, s);
        const low = get(d, previous);
        const high = get(d, next);
        set(d, next, low * s * s + high * c * c);
        set(d, previous, low * c * c + high * s * s);
        setInteger(deflated, deflatedCount++, previous);
      } else setInteger(kept, keptCount++, previous);
    }
    previous = next;
  }
  if (previous >= 0) setInteger(kept, keptCount++, previous);
  release(start);
  return keptCount;
}

/** (x, y) <- (c x - s y, s x + c y) */
function rotateRows(x: usize, y: usize, n: i32, c: f64, s: f64): void {
  for (let k = 0; k < n; k++) {
    const a = get(x, k);
    const b = get(y, k);
    set(x, k, c * a - s * b);
    set(y, k, s * a + c * b);
  }
}

/**
 * Eigenvalues and eigenvectors of diag(d) + rho z z^T over the kept rows. The outputs overlap nothing else.
 * @param d float64 eigenvalues of all rows
 * @param z float64, of all rows
 * @param rho size of the rank-one change, > 0
 * @param kept how many rows are kept, >= 1
 * @param keptRows their numbers, int32, in order of rising d
 * @param order `kept` int32: a permutation of 0 .. kept-1, in which the eigenvectors' elements are written
 * @param lambda `kept` float64 eigenvalues, rising (out)
 * @param vectors kept x kept float64, row-major without gaps (out): eigenvector j in row j
 */
function rankOneUpdate(
  d: usize,
  z: usize,
  rho: f64,
  kept: i32,
  keptRows: usize,
  order: usize,
  lambda: usize,
  vectors: usize,
): void {
  const start = mark();
  const poles = doubles(kept);
  const z2 = doubles(kept);
  const scratch = doubles(kept);
  const exact = doubles(kept);
  let norm2: f64 = 0;
  for (let i = 0; i < kept; i++) {
    const row = getInteger(keptRows, i);
    const zi = get(z, row);
    set(poles, i, get(d, row));
    set(z2, i, zi * zi);
    norm2 += zi * zi;
  }
  scale(kept, 1 / norm2, z2);
  for (let j = 0; j < kept; j++) {
    set(lambda, j, secularRoot(kept, j, poles, z2, rho * norm2, at(vectors, j * kept), scratch));
  }
  exactUpdate(kept, poles, vectors, exact);
  for (let i = 0; i < kept; i++) if (get(z, getInteger(keptRows, i)) < 0) set(exact, i, -get(exact, i));
  for (let j = 0; j < kept; j++) {
    const row = at(vectors, j * kept);
    for (let i = 0; i < kept; i++) set(scratch, i, get(exact, i) / get(row, i));
    const factor = 1 / sqrt(dot(scratch, scratch, kept));
    for (let i = 0; i < kept; i++) set(row, i, get(scratch, getInteger(order, i)) * factor);
  }
  release(start);
}

/**
 * joined = vectors times the kept rows of q, leaving out the halves that are zero. `joined` overlaps none of the inputs.
 * @param q n x n float64 eigenvectors of the two halves as rows
 * @param stride float64 numbers from one row of q to the next
 * @param n rows in all
 * @param half rows, and columns, of the first half
 * @param kept how many rows are kept
 * @param keptRows their numbers, int32
 * @param order `kept` int32: the places in `keptRows` that the columns of `vectors` belong to; first those with numbers in
 *   the first half alone, then those with numbers in both, then the others
 * @param firstCount how many have numbers in the first half alone
 * @param upToBoth how many have numbers in the first half
 * @param vectors kept x kept float64, row-major without gaps
 * @param joined kept x n float64, row-major without gaps (out)
 */
function combine(
  q: usize,
  stride: i32,
  n: i32,
  half: i32,
  kept: i32,
  keptRows: usize,
  order: usize,
  firstCount: i32,
  upToBoth: i32,
  vectors: usize,
  joined: usize,
): void {
  if (kept == 0) return;
  const start = mark();
  const rest = n - half;
  const secondCount = kept - firstCount;
  const left = doubles(upToBoth * half);
  const right = doubles(secondCount * rest);
  for (let i = 0; i < upToBoth; i++) {
    copy(at(left, i * half), at(q, getInteger(keptRows, getInteger(order, i)) * stride), half);
  }
  for (let i = 0; i < secondCount; i++) {
    const row = getInteger(keptRows, getInteger(order, firstCount + i));
    copy(at(right, i * rest), at(q, row * stride + half), rest);
  }
  multiply(kept, half, upToBoth, vectors, kept, 1, left, half, 1, joined, n);
  multiply(kept, rest, secondCount, at(vectors, firstCount), kept, 1, right, rest, 1, at(joined, half), n);
  release(start);
}

/**
 * Writes the joined and the deflated eigenpairs back to d and q, rising. No two arrays overlap.
 * @param d n float64 eigenvalues of the rows before the joint; becomes those after it, rising
 * @param n rows in all
 * @param q n x n float64 eigenvectors as rows, in the order of d; likewise
 * @param stride float64 numbers from one row of q to the next
 * @param kept how many eigenpairs were joined
 * @param lambda their `kept` float64 eigenvalues, rising
 * @param joined their kept x n float64 eigenvectors, row-major without gaps
 * @param deflated n - kept int32: the numbers of the rows that stay as they are; becomes sorted by d
 */
function interleave(
  d: usize,
  n: i32,
  q: usize,
  stride: i32,
  kept: i32,
  lambda: usize,
  joined: usize,
  deflated: usize,
): void {
  const start = mark();
  const count = n - kept;
  for (let i = 1; i < count; i++) {
    const row = getInteger(deflated, i);
    let x = i - 1;
    for (; x >= 0 && get(d, getInteger(deflated, x)) > get(d, row); x--) {
      setInteger(deflated, x + 1, getInteger(deflated, x));
    }
    setInteger(deflated, x + 1, row);
  }
  const rows = doubles(count * n);
  const values = doubles(n);
  const sorted = doubles(n);
  for (let i = 0; i < count; i++) {
    copy(at(rows, i * n), at(q, getInteger(deflated, i) * stride), n);
    set(values, i, get(d, getInteger(deflated, i)));
  }
  let a = 0;
  let b = 0;
  for (let o = 0; o < n; o++) {
    const fromJoined = a < kept && (b >= count || get(lambda, a) <= get(values, b));
    set(sorted, o, fromJoined ? get(lambda, a) : get(values, b));
    copy(at(q, o * stride), fromJoined ? at(joined, a++ * n) : at(rows, b++ * n), n);
  }
  copy(d, sorted, n);
  release(start);
}
