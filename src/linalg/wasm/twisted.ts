/**
 * Eigenvectors of isolated eigenvalues of a symmetric tridiagonal matrix, each from one twisted factorisation: T - lambda
 * eliminated from the top and from the bottom at once, the two meeting where the vector is largest (Parlett and Dhillon,
 * "Fernando's solution to Wilkinson's problem", 1997; LAPACK's dlar1v). No pivots are sought, so that two eigenvalues share
 * the lanes of a vector register; the caller measures what came out.
 */
import { at, doubles, get, getPair, mark, release, set, setPair } from "./memory";
import { dot, multiplyAdd, multiplySubtract, scale } from "./vector";

/** An element this small ends the vector: beyond it everything is taken for zero, before it becomes subnormal. */
const NOTHING: f64 = 1e-100;

/**
 * Row j of z (rows `zRow` apart) becomes the unit eigenvector of eigenvalue lambda_j, j < count, of the n x n matrix with
 * diagonal d and off-diagonal e_i between i - 1 and i. Vectors of close eigenvalues are not orthogonal; where a pivot is
 * zero, a vector is NaN.
 */
export function twistedVectors(
  d: usize,
  e: usize,
  n: i32,
  lambda: usize,
  count: i32,
  z: usize,
  zRow: i32,
): void {
  const start = mark();
  // Of both lanes: the pivots from the top, and the multipliers from the top and from the bottom between i - 1 and i.
  const pivots = doubles(2 * n);
  const down = doubles(2 * n);
  const up = doubles(2 * n);
  for (let j = 0; j < count; j += 2) {
    const next = min(j + 1, count - 1);
    const both = f64x2.replace_lane(f64x2.splat(get(lambda, j)), 1, get(lambda, next));
    eliminate(d, e, n, both, pivots, down, up);
    const places = twists(e, n, pivots, up);
    for (let lane = 0; lane <= next - j; lane++) {
      const place = lane == 0 ? i64x2.extract_lane(places, 0) : i64x2.extract_lane(places, 1);
      substitute(n, <i32>place, at(down, lane), at(up, lane), at(z, (j + lane) * zRow));
    }
  }
  release(start);
}

/** Both eliminations of T - lambda, interleaved: their divisions do not wait for each other. */
function eliminate(d: usize, e: usize, n: i32, lambda: v128, pivots: usize, down: usize, up: usize): void {
  let top = f64x2.sub(v128.load64_splat(d), lambda);
  let bottom = f64x2.sub(v128.load64_splat(at(d, n - 1)), lambda);
  setPair(pivots, 0, top);
  for (let i = 1, k = n - 1; i < n; i++, k--) {
    const ei = v128.load64_splat(at(e, i));
    const ek = v128.load64_splat(at(e, k));
    const l = f64x2.div(ei, top);
    const u = f64x2.div(ek, bottom);
    top = multiplySubtract(ei, l, f64x2.sub(v128.load64_splat(at(d, i)), lambda));
    bottom = multiplySubtract(ek, u, f64x2.sub(v128.load64_splat(at(d, k - 1)), lambda));
    setPair(pivots, 2 * i, top);
    setPair(down, 2 * i, l);
    setPair(up, 2 * k, u);
  }
}

/** Of each lane the row at which the two eliminations leave the smallest pivot, as i64. */
function twists(e: usize, n: i32, pivots: usize, up: usize): v128 {
  const one = i64x2.splat(1);
  let row = i64x2.splat(0);
  let place = row;
  let least = f64x2.splat(Infinity);
  for (let i = 0; i < n; i++) {
    let pivot = getPair(pivots, 2 * i);
    if (i < n - 1) pivot = multiplySubtract(v128.load64_splat(at(e, i + 1)), getPair(up, 2 * i + 2), pivot);
    pivot = f64x2.abs(pivot);
    const smaller = f64x2.lt(pivot, least);
    least = v128.bitselect(pivot, least, smaller);
    place = v128.bitselect(row, place, smaller);
    row = i64x2.add(row, one);
  }
  return place;
}

/** The unit vector with its largest elements about `place`; multipliers of one lane, every second number. */
function substitute(n: i32, place: i32, down: usize, up: usize, z: usize): void {
  let value: f64 = 1;
  set(z, place, 1);
  let i = place - 1;
  for (; i >= 0 && abs(value) > NOTHING; i--) {
    value *= -get(down, 2 * i + 2);
    set(z, i, value);
  }
  for (; i >= 0; i--) set(z, i, 0);
  value = 1;
  i = place + 1;
  for (; i < n && abs(value) > NOTHING; i++) {
    value *= -get(up, 2 * i);
    set(z, i, value);
  }
  for (; i < n; i++) set(z, i, 0);
  scale(n, 1 / sqrt(dot(z, z, n)), z);
}
