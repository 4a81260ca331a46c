/** Eigenvalues and eigenvectors of a small symmetric tridiagonal matrix: the leaves of divide and conquer. */
import { at, clear, get, getPair, set, setPair } from "./memory";
import { multiplyAdd, multiplySubtract } from "./vector";

const EPSILON: f64 = 1.1102230246251565e-16;
const SWEEPS: i32 = 60;

/**
 * Implicit QL with Wilkinson's shift (Golub and Van Loan, 8.3; EISPACK's tql2). d (n) becomes the eigenvalues, rising;
 * e (n - 1, e_i joining i and i + 1) is destroyed; row i of q (n x n, rows `stride` apart) becomes eigenvector i.
 */
export function smallEigen(d: usize, e: usize, n: i32, q: usize, stride: i32): void {
  for (let i = 0; i < n; i++) {
    clear(at(q, i * stride), n);
    set(q, i * stride + i, 1);
  }
  for (let l = 0; l < n; l++) {
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      let m = l;
      while (m < n - 1 && abs(get(e, m)) > EPSILON * (abs(get(d, m)) + abs(get(d, m + 1)))) m++;
      if (m == l) break;
      qlSweep(d, e, l, m, n, q, stride);
    }
  }
  sortRising(d, n, q, stride);
}

function qlSweep(d: usize, e: usize, l: i32, m: i32, n: i32, q: usize, stride: i32): void {
  let g = (get(d, l + 1) - get(d, l)) / (2 * get(e, l));
  let r = sqrt(g * g + 1);
  g = get(d, m) - get(d, l) + get(e, l) / (g + (g >= 0 ? r : -r));
  let s: f64 = 1;
  let c: f64 = 1;
  let p: f64 = 0;
  for (let i = m - 1; i >= l; i--) {
    const f = s * get(e, i);
    const b = c * get(e, i);
    r = hypotenuse(f, g);
    set(e, i + 1, r);
    if (r == 0) {
      set(d, i + 1, get(d, i + 1) - p);
      set(e, m, 0);
      return;
    }
    s = f / r;
    c = g / r;
    g = get(d, i + 1) - p;
    r = (get(d, i) - g) * s + 2 * c * b;
    p = s * r;
    set(d, i + 1, g + p);
    g = c * r - b;
    rotate(at(q, i * stride), at(q, (i + 1) * stride), n, c, s);
  }
  set(d, l, get(d, l) - p);
  set(e, l, g);
  set(e, m, 0);
}

function hypotenuse(a: f64, b: f64): f64 {
  const x = abs(a);
  const y = abs(b);
  const high = max(x, y);
  if (high == 0) return 0;
  const ratio = min(x, y) / high;
  return high * sqrt(1 + ratio * ratio);
}

/** (x, y) <- (c x - s y, s x + c y) */
function rotate(x: usize, y: usize, n: i32, c: f64, s: f64): void {
  const C = f64x2.splat(c);
  const S = f64x2.splat(s);
  let k = 0;
  for (; k + 1 < n; k += 2) {
    const a = getPair(x, k);
    const b = getPair(y, k);
    setPair(y, k, multiplyAdd(S, a, f64x2.mul(C, b)));
    setPair(x, k, multiplySubtract(S, b, f64x2.mul(C, a)));
  }
  for (; k < n; k++) {
    const a = get(x, k);
    const b = get(y, k);
    set(y, k, s * a + c * b);
    set(x, k, c * a - s * b);
  }
}

function sortRising(d: usize, n: i32, q: usize, stride: i32): void {
  for (let i = 0; i < n - 1; i++) {
    let least = i;
    for (let j = i + 1; j < n; j++) if (get(d, j) < get(d, least)) least = j;
    if (least == i) continue;
    swap(d, i, least);
    for (let k = 0; k < n; k++) swap(q, i * stride + k, least * stride + k);
  }
}

function swap(x: usize, i: i32, j: i32): void {
  const t = get(x, i);
  set(x, i, get(x, j));
  set(x, j, t);
}
