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

/** out_t = sum_i rows_ti x_i for `count` rows, `stride` apart, of n numbers: four rows at a time. */
export function dots(n: i32, rows: usize, stride: i32, count: i32, x: usize, out: usize): void {
  const step = (<usize>stride) << 3;
  let t = 0;
  for (; t + 3 < count; t += 4) {
    let s0 = f64x2.splat(0);
    let s1 = s0;
    let s2 = s0;
    let s3 = s0;
    let p = rows + <usize>t * step;
    let px = x;
    for (const end = x + ((<usize>(n & ~1)) << 3); px < end; px += 16, p += 16) {
      const xi = v128.load(px);
      s0 = multiplyAdd(v128.load(p), xi, s0);
      s1 = multiplyAdd(v128.load(p + step), xi, s1);
      s2 = multiplyAdd(v128.load(p + 2 * step), xi, s2);
      s3 = multiplyAdd(v128.load(p + 3 * step), xi, s3);
    }
    const last = n & 1 ? load<f64>(px) : 0;
    set(out, t, laneSum(s0) + (n & 1 ? load<f64>(p) * last : 0));
    set(out, t + 1, laneSum(s1) + (n & 1 ? load<f64>(p + step) * last : 0));
    set(out, t + 2, laneSum(s2) + (n & 1 ? load<f64>(p + 2 * step) * last : 0));
    set(out, t + 3, laneSum(s3) + (n & 1 ? load<f64>(p + 3 * step) * last : 0));
  }
  for (; t < count; t++) set(out, t, dot(rows + <usize>t * step, x, n));
}

/** y += sum_t factors_t rows_t for `count` rows, `stride` apart, of n numbers: four rows at a time. */
export function addRows(n: i32, rows: usize, stride: i32, count: i32, factors: usize, y: usize): void {
  const step = (<usize>stride) << 3;
  let t = 0;
  for (; t + 3 < count; t += 4) {
    const f0 = v128.load64_splat(factors + ((<usize>t) << 3));
    const f1 = v128.load64_splat(factors + ((<usize>t) << 3), 8);
    const f2 = v128.load64_splat(factors + ((<usize>t) << 3), 16);
    const f3 = v128.load64_splat(factors + ((<usize>t) << 3), 24);
    let p = rows + <usize>t * step;
    let py = y;
    for (const end = y + ((<usize>(n & ~1)) << 3); py < end; py += 16, p += 16) {
      const low = multiplyAdd(f1, v128.load(p + step), multiplyAdd(f0, v128.load(p), v128.load(py)));
      const high = multiplyAdd(f2, v128.load(p + 2 * step), low);
      v128.store(py, multiplyAdd(f3, v128.load(p + 3 * step), high));
    }
    if (n & 1) {
      let sum = load<f64>(py);
      for (let k = 0; k < 4; k++) sum += get(factors, t + k) * load<f64>(p + <usize>k * step);
      store<f64>(py, sum);
    }
  }
  for (; t < count; t++) axpy(n, get(factors, t), rows + <usize>t * step, y);
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
