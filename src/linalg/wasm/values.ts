/** Eigenvalues, without vectors, of a symmetric tridiagonal matrix. */
import { copy, doubles, get, mark, release, set } from "./memory";
import { largest, scale } from "./vector";

const EPSILON: f64 = 1.1102230246251565e-16;
const SWEEPS: i32 = 60;

/**
 * Overwrites d (n numbers, the diagonal) with the eigenvalues, falling; e_i, i >= 1, joins i - 1 and i and is kept.
 * QL in the form of Pal, Walker and Kahan, free of square roots (Parlett, "The symmetric eigenvalue problem", 8.15;
 * LAPACK's dsterf). Accurate to a few EPSILON times the largest eigenvalue. Returns false if it does not converge.
 */
export function eigenvalues(d: usize, e: usize, n: i32): bool {
  const size = max(largest(d, n), largest(e, n));
  if (size == 0) return true;
  const start = mark();
  const squares = doubles(n + 1); // squares[i] joins i and i + 1
  const factor = 1 / size;
  scale(n, factor, d);
  for (let i = 0; i < n - 1; i++) {
    const t = get(e, i + 1) * factor;
    set(squares, i, t * t);
  }
  set(squares, n - 1, 0);
  let converged = true;
  let first = 0;
  while (first < n) {
    let last = first;
    while (last < n - 1 && !negligible(d, squares, last)) last++;
    if (last < n - 1) set(squares, last, 0);
    if (!qlBlock(d, squares, first, last)) converged = false;
    first = last + 1;
  }
  scale(n, size, d);
  sortFalling(d, n);
  release(start);
  return converged;
}

function negligible(d: usize, squares: usize, i: i32): bool {
  const product = abs(get(d, i) * get(d, i + 1));
  return get(squares, i) <= EPSILON * EPSILON * product + 1e-36; // 1e-18 of the norm moves no eigenvalue
}

/** QL on the unreduced block first .. last, turned round if it is graded the other way. */
function qlBlock(d: usize, squares: usize, first: i32, last: i32): bool {
  if (abs(get(d, last)) < abs(get(d, first))) {
    reverse(d, first, last);
    reverse(squares, first, last - 1);
  }
  for (let l = first; l <= last; l++) {
    for (let sweep = 0; ; sweep++) {
      let m = l;
      while (m < last && !negligible(d, squares, m)) m++;
      if (m < last) set(squares, m, 0);
      if (m == l) break;
      if (sweep == SWEEPS) return false;
      if (m == l + 1) {
        solvePair(d, squares, l);
        break;
      }
      qlSweep(d, squares, l, m);
    }
  }
  return true;
}

/** One sweep with Wilkinson's shift. */
function qlSweep(d: usize, squares: usize, l: i32, m: i32): void {
  const root = sqrt(get(squares, l));
  const g = (get(d, l + 1) - get(d, l)) / (2 * root);
  const r0 = sqrt(g * g + 1);
  const shift = get(d, l) - root / (g + (g >= 0 ? r0 : -r0));
  let c: f64 = 1;
  let s: f64 = 0;
  let gamma = get(d, m) - shift;
  let p = gamma * gamma;
  for (let i = m - 1; i >= l; i--) {
    const square = get(squares, i);
    const r = p + square;
    if (i != m - 1) set(squares, i + 1, s * r);
    const before = c;
    c = p / r;
    s = square / r;
    // With one division after the other only: gamma = c (alpha - shift) - s gamma and p = gamma^2 / c.
    const alpha = get(d, i);
    const kept = gamma;
    const scaled = p * (alpha - shift) - square * kept;
    gamma = scaled / r;
    set(d, i + 1, kept + (alpha - gamma));
    p = p != 0 ? (scaled * scaled) / (r * p) : before * square;
  }
  set(squares, l, s * p);
  set(d, l, shift + gamma);
}

/** The eigenvalues of the 2 x 2 block at l. */
function solvePair(d: usize, squares: usize, l: i32): void {
  const mean = 0.5 * (get(d, l) + get(d, l + 1));
  const half = 0.5 * (get(d, l) - get(d, l + 1));
  const radius = sqrt(half * half + get(squares, l));
  set(d, l, mean + radius);
  set(d, l + 1, mean - radius);
  set(squares, l, 0);
}

function reverse(x: usize, first: i32, last: i32): void {
  for (; first < last; first++, last--) {
    const t = get(x, first);
    set(x, first, get(x, last));
    set(x, last, t);
  }
}

/** Merge sort, from largest to smallest. */
export function sortFalling(x: usize, n: i32): void {
  const start = mark();
  let from = x;
  let to = doubles(n);
  for (let width = 1; width < n; width *= 2) {
    for (let low = 0; low < n; low += 2 * width) {
      const middle = min(low + width, n);
      const high = min(low + 2 * width, n);
      let a = low;
      let b = middle;
      for (let o = low; o < high; o++) {
        const left = a < middle && (b >= high || get(from, a) >= get(from, b));
        set(to, o, get(from, left ? a++ : b++));
      }
    }
    const t = from;
    from = to;
    to = t;
  }
  if (from != x) copy(x, from, n);
  release(start);
}
