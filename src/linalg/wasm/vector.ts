/** Vector operations on float64 arrays, two lanes at a time. */
import { get, getPair, set, setPair } from "./memory";

/** a * b + c, fused where the build has relaxed SIMD. */
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_madd(a, b, c);
  return f64x2.add(c, f64x2.mul(a, b));
}

/** c - a * b, fused where the build has relaxed SIMD. */
export function multiplySubtract(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f64x2.relaxed_nmadd(a, b, c);
  return f64x2.sub(c, f64x2.mul(a, b));
}

/** Sum of the two lanes. */
export function laneSum(a: v128): f64 {
  return f64x2.extract_lane(a, 0) + f64x2.extract_lane(a, 1);
}

/** sum x_i y_i, i < n */
export function dot(x: usize, y: usize, n: i32): f64 {
  let a = f64x2.splat(0);
  let b = a;
  let i = 0;
  for (; i + 3 < n; i += 4) {
    a = multiplyAdd(getPair(x, i), getPair(y, i), a);
    b = multiplyAdd(getPair(x, i + 2), getPair(y, i + 2), b);
  }
  let sum = laneSum(f64x2.add(a, b));
  for (; i < n; i++) sum += get(x, i) * get(y, i);
  return sum;
}

/** y += a x */
export function axpy(n: i32, a: f64, x: usize, y: usize): void {
  const splat = f64x2.splat(a);
  let i = 0;
  for (; i + 1 < n; i += 2) setPair(y, i, multiplyAdd(splat, getPair(x, i), getPair(y, i)));
  if (i < n) set(y, i, get(y, i) + a * get(x, i));
}

/** y += a x + b z */
export function axpyPair(n: i32, a: f64, x: usize, b: f64, z: usize, y: usize): void {
  const A = f64x2.splat(a);
  const B = f64x2.splat(b);
  let i = 0;
  for (; i + 1 < n; i += 2) {
    setPair(y, i, multiplyAdd(A, getPair(x, i), multiplyAdd(B, getPair(z, i), getPair(y, i))));
  }
  if (i < n) set(y, i, get(y, i) + a * get(x, i) + b * get(z, i));
}

export function scale(n: i32, a: f64, x: usize): void {
  const splat = f64x2.splat(a);
  let i = 0;
  for (; i + 1 < n; i += 2) setPair(x, i, f64x2.mul(splat, getPair(x, i)));
  if (i < n) set(x, i, a * get(x, i));
}

/** Largest absolute value, 0 for an empty array. */
export function largest(x: usize, n: i32): f64 {
  let most: f64 = 0;
  for (let i = 0; i < n; i++) most = max(most, abs(get(x, i)));
  return most;
}
