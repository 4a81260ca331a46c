/** The secular equation of divide and conquer: eigenvalues of diag(d) + rho z z^T. */
import { at, get, getPair, set } from "./memory";
import { laneSum } from "./vector";

const EPSILON: f64 = 1.1102230246251565e-16;
const ITERATIONS: i32 = 80;

let sum: f64 = 0; // results of `sums`
let slope: f64 = 0;

/** sum and slope of sum_i z2_i / (poles_i - x), first <= i < end. */
function sums(z2: usize, poles: usize, x: f64, first: i32, end: i32): void {
  const X = f64x2.splat(x);
  let a = f64x2.splat(0);
  let b = a;
  let i = first;
  for (; i + 1 < end; i += 2) {
    const distance = f64x2.sub(getPair(poles, i), X);
    const term = f64x2.div(getPair(z2, i), distance);
    a = f64x2.add(a, term);
    b = f64x2.add(b, f64x2.div(term, distance));
  }
  sum = laneSum(a);
  slope = laneSum(b);
  if (i < end) {
    const distance = get(poles, i) - x;
    const term = get(z2, i) / distance;
    sum += term;
    slope += term / distance;
  }
}

/**
 * Root j (from 0, rising) of 1/rho + sum_i z2_i / (d_i - x) = 0, with d rising, z2 > 0 of sum 1 and rho > 0. Returns the
 * root and leaves d_i - root, computed without cancellation, in `distances`; `poles` is k numbers of scratch.
 * The middle way of Li ("Solving secular equations stably and efficiently", 1993; LAPACK's dlaed4), held in a bracket.
 */
export function secularRoot(
  k: i32,
  j: i32,
  d: usize,
  z2: usize,
  rho: f64,
  distances: usize,
  poles: usize,
): f64 {
  if (k == 1) {
    const root = rho * get(z2, 0);
    set(distances, 0, -root);
    return get(d, 0) + root;
  }
  const inverse = 1 / rho;
  const last = j == k - 1;
  const middle = 0.5 * (last ? rho : get(d, j + 1) - get(d, j));
  for (let i = 0; i < k; i++) set(poles, i, get(d, i) - get(d, j));
  sums(z2, poles, middle, 0, k);
  // The root is measured from the nearer pole, which is exact where it matters.
  const nearLeft = last || inverse + sum >= 0;
  const origin = get(d, nearLeft ? j : j + 1);
  let low: f64 = 0;
  let high: f64 = 0;
  if (last) {
    if (inverse + sum <= 0) low = middle;
    high = inverse + sum <= 0 ? rho : middle;
  } else if (nearLeft) high = middle;
  else {
    low = -middle;
    for (let i = 0; i < k; i++) set(poles, i, get(d, i) - origin);
  }
  const p0 = last ? k - 2 : j;
  let x = 0.5 * (low + high);
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    sums(z2, poles, x, 0, p0 + 1);
    const psi = sum;
    const psiSlope = slope;
    sums(z2, poles, x, p0 + 1, k);
    const phi = sum;
    const phiSlope = slope;
    const f = inverse + psi + phi;
    const error = 8 * (abs(psi) + abs(phi)) + inverse + abs(x) * (psiSlope + phiSlope);
    if (abs(f) <= EPSILON * error) break;
    if (f < 0) low = x;
    else high = x;
    if (high - low <= 2 * EPSILON * max(abs(low), abs(high))) break;
    let next =
      x + step(f, psiSlope, phiSlope, get(poles, p0) - x, get(poles, p0 + 1) - x, last, low, high, x);
    if (!(next > low && next < high)) next = bisect(low, high, iteration);
    if (next == x) break;
    x = next;
  }
  for (let i = 0; i < k; i++) set(distances, i, get(poles, i) - x);
  return origin + x;
}

/**
 * Step to the root of the rational function that has the poles beside x and the value and slopes of f. Numbers, no
 * addresses; positions are measured from the origin of `secularRoot`.
 * @param f value of the secular function at x
 * @param psiSlope slope, at x, of its part with the poles up to the left one
 * @param phiSlope slope of the part with the poles from the right one on
 * @param left left pole - x; of the last root, the last pole but one - x
 * @param right right pole - x; of the last root, the last pole - x
 * @param last whether this is the last root, which has no pole on its right
 * @param low lower end of the bracket
 * @param high upper end of the bracket
 * @param x where f was evaluated, low <= x <= high
 * @returns what to add to x; the sum may lie outside the bracket
 */
function step(
  f: f64,
  psiSlope: f64,
  phiSlope: f64,
  left: f64,
  right: f64,
  last: bool,
  low: f64,
  high: f64,
  x: f64,
): f64 {
  let c = f - left * psiSlope - right * phiSlope;
  const a = (left + right) * f - left * right * (psiSlope + phiSlope);
  const b = left * right * f;
  let eta: f64;
  if (last) {
    c = abs(c);
    const root = sqrt(abs(a * a - 4 * b * c));
    if (c == 0) eta = 0.5 * (low + high) - x;
    else eta = a >= 0 ? (a + root) / (2 * c) : (2 * b) / (a - root);
  } else {
    const root = sqrt(max(a * a - 4 * b * c, 0));
    if (c == 0) eta = b / a;
    else eta = a <= 0 ? (a - root) / (2 * c) : (2 * b) / (a + root);
  }
  return f * eta >= 0 ? -f / (psiSlope + phiSlope) : eta;
}

/** A point inside the bracket: its geometric mean where it spans orders of magnitude. */
function bisect(low: f64, high: f64, iteration: i32): f64 {
  if (low > 0 && high > 4 * low) return sqrt(low) * sqrt(high);
  if (high < 0 && low < 4 * high) return -sqrt(-low) * sqrt(-high);
  const shrink: f64 = iteration < 3 ? 8 : 64;
  if (low == 0 && high > 0) return high / shrink;
  if (high == 0 && low < 0) return low / shrink;
  return 0.5 * (low + high);
}

/**
 * The vector z for which the computed roots are exact (Gu and Eisenstat, 1994), so that the eigenvectors made from it are
 * orthogonal however close the roots: its absolute values, into `result`. Row j of `distances` holds d_i - root_j.
 */
export function exactUpdate(k: i32, d: usize, distances: usize, result: usize): void {
  for (let i = 0; i < k; i++) set(result, i, -get(distances, i * k + i));
  for (let j = 0; j < k; j++) {
    const row = at(distances, j * k);
    const dj = get(d, j);
    for (let i = 0; i < j; i++) set(result, i, get(result, i) * (get(row, i) / (get(d, i) - dj)));
    for (let i = j + 1; i < k; i++) set(result, i, get(result, i) * (get(row, i) / (get(d, i) - dj)));
  }
  for (let i = 0; i < k; i++) set(result, i, sqrt(abs(get(result, i))));
}
