/** Eigenvectors of the leading eigenvalues of a symmetric tridiagonal matrix, by inverse iteration. */
import { at, doubles, get, getInteger, getPair, integers, mark, release, set, setInteger } from "./memory";
import { random, seedRandom } from "./random";
import { twistedVectors } from "./twisted";
import { axpy, dot, largest, multiplyAdd, scale } from "./vector";

const EPSILON: f64 = 2.220446049250313e-16;
const ITERATIONS: i32 = 2; // of one solve each; from a random start one is nearly always enough
/**
 * Vectors whose eigenvalues lie within this part of the norm are made orthogonal to each other. Those further apart
 * are orthogonal by themselves, to about EPSILON / CLOSE.
 */
const CLOSE: f64 = 1e-7;
const RESIDUAL: f64 = 1e-12; // |T z - lambda z| over the norm, at which a vector is accepted

/** Orthogonalisations within clusters, in units of the size, up to which this is cheaper than divide and conquer. */
const MOST_PAIRS: i32 = 4;

/**
 * Row j of z (rows `zRow` apart) becomes the eigenvector of eigenvalue lambda_j, j < count, of the matrix with diagonal
 * d and off-diagonal e_i between i - 1 and i; lambda falls. Isolated eigenvalues have theirs from twisted.ts; clusters by
 * LAPACK's dstein (Peters and Wilkinson, 1979) with a much smaller bound for "close", since float32 vectors are wanted.
 * Returns false where clusters are large or a vector did not converge; the caller then takes another way.
 */
export function inverseIteration(
  d: usize,
  e: usize,
  n: i32,
  lambda: usize,
  count: i32,
  z: usize,
  zRow: i32,
): bool {
  const start = mark();
  let norm: f64 = 0;
  for (let i = 0; i < n; i++) {
    norm = max(norm, abs(get(d, i)) + abs(get(e, i)) + (i < n - 1 ? abs(get(e, i + 1)) : 0));
  }
  const close = CLOSE * norm;
  let converged = norm > 0 && closePairs(lambda, count, close) <= MOST_PAIRS * n;
  if (converged) twistedVectors(d, e, n, lambda, count, z, zRow);
  const factors = doubles(4 * n);
  const pivots = integers(n);
  const separation = 10 * EPSILON * norm;
  let firstClose = 0;
  let shift: f64 = 0;
  seedRandom(777);
  for (let j = 0; j < count && converged; j++) {
    if (j > 0 && !isClose(lambda, j, close)) firstClose = j;
    const zj = at(z, j * zRow);
    const isolated = firstClose == j && (j == count - 1 || !isClose(lambda, j + 1, close));
    if (isolated && residual(d, e, n, get(lambda, j), zj) <= RESIDUAL * norm) continue;
    // Equal eigenvalues are moved apart a little, so that the solves differ.
    shift = j > firstClose ? min(get(lambda, j), shift - separation) : get(lambda, j);
    factorise(d, e, n, shift, EPSILON * norm, factors, pivots);
    for (let i = 0; i < n; i++) set(zj, i, random());
    for (let iteration = 0; iteration < ITERATIONS; iteration++) {
      solve(factors, pivots, n, zj);
      scale(n, 1 / largest(zj, n), zj);
      for (let i = firstClose; i < j; i++) {
        const zi = at(z, i * zRow);
        axpy(n, -dot(zi, zj, n), zi, zj);
      }
      scale(n, 1 / sqrt(dot(zj, zj, n)), zj);
    }
    converged = residual(d, e, n, get(lambda, j), zj) <= RESIDUAL * norm;
  }
  release(start);
  return converged;
}

function isClose(lambda: usize, j: i32, close: f64): bool {
  return get(lambda, j - 1) - get(lambda, j) <= close;
}

/** Pairs within the clusters of the leading `count` eigenvalues. */
function closePairs(lambda: usize, count: i32, close: f64): i32 {
  let pairs = 0;
  let size = 0;
  for (let j = 1; j < count; j++) pairs += isClose(lambda, j, close) ? ++size : (size = 0);
  return pairs;
}

/** max |T z - lambda z|; NaN if z holds one. */
function residual(d: usize, e: usize, n: i32, lambda: f64, z: usize): f64 {
  const shift = f64x2.splat(lambda);
  let most = f64x2.splat(0);
  let i = 1;
  for (; i + 2 < n; i += 2) {
    let sum = f64x2.mul(f64x2.sub(getPair(d, i), shift), getPair(z, i));
    sum = multiplyAdd(getPair(e, i), getPair(z, i - 1), sum);
    most = f64x2.max(most, f64x2.abs(multiplyAdd(getPair(e, i + 1), getPair(z, i + 1), sum)));
  }
  let result = max(f64x2.extract_lane(most, 0), f64x2.extract_lane(most, 1));
  result = max(result, abs(residualRow(d, e, n, lambda, z, 0)));
  for (; i < n; i++) result = max(result, abs(residualRow(d, e, n, lambda, z, i)));
  return result;
}

/** Element i of T z - lambda z. */
function residualRow(d: usize, e: usize, n: i32, lambda: f64, z: usize, i: i32): f64 {
  let sum = (get(d, i) - lambda) * get(z, i);
  if (i > 0) sum += get(e, i) * get(z, i - 1);
  if (i < n - 1) sum += get(e, i + 1) * get(z, i + 1);
  return sum;
}

/**
 * T - shift = P L U with partial pivoting (LAPACK's dgttrf). `factors`: n multipliers of L, n reciprocals of the diagonal
 * of U, n and n elements of its two upper diagonals. A pivot of zero is replaced by `tiny`.
 */
function factorise(d: usize, e: usize, n: i32, shift: f64, tiny: f64, factors: usize, pivots: usize): void {
  const multiplier = factors;
  const diagonal = at(factors, n);
  const upper = at(factors, 2 * n);
  const second = at(factors, 3 * n);
  let pivot = get(d, 0) - shift;
  let above = n > 1 ? get(e, 1) : 0;
  for (let i = 0; i < n - 1; i++) {
    const below = get(e, i + 1);
    const next = get(d, i + 1) - shift;
    const beyond = i < n - 2 ? get(e, i + 2) : 0;
    if (abs(pivot) >= abs(below)) {
      if (abs(pivot) < tiny) pivot = pivot < 0 ? -tiny : tiny;
      const inverse = 1 / pivot;
      const factor = below * inverse;
      setInteger(pivots, i, 0);
      set(multiplier, i, factor);
      set(diagonal, i, inverse);
      set(upper, i, above);
      set(second, i, 0);
      pivot = next - factor * above;
      above = beyond;
    } else {
      const inverse = 1 / below;
      const factor = pivot * inverse;
      setInteger(pivots, i, 1);
      set(multiplier, i, factor);
      set(diagonal, i, inverse);
      set(upper, i, next);
      set(second, i, beyond);
      pivot = above - factor * next;
      above = -factor * beyond;
    }
  }
  if (abs(pivot) < tiny) pivot = pivot < 0 ? -tiny : tiny;
  set(diagonal, n - 1, 1 / pivot);
}

/** z <- (P L U)^-1 z */
function solve(factors: usize, pivots: usize, n: i32, z: usize): void {
  const diagonal = at(factors, n);
  const upper = at(factors, 2 * n);
  const second = at(factors, 3 * n);
  let current = get(z, 0);
  for (let i = 0; i < n - 1; i++) {
    const next = get(z, i + 1);
    const swapped = getInteger(pivots, i) != 0;
    const first = swapped ? next : current;
    current = (swapped ? current : next) - get(factors, i) * first;
    set(z, i, first);
  }
  let next: f64 = current * get(diagonal, n - 1);
  let afterNext: f64 = 0;
  set(z, n - 1, next);
  for (let i = n - 2; i >= 0; i--) {
    const zi = (get(z, i) - get(second, i) * afterNext - get(upper, i) * next) * get(diagonal, i);
    set(z, i, zi);
    afterNext = next;
    next = zi;
  }
}
