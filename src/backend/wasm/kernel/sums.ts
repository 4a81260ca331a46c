import { get, get4, set, set4 } from "./memory";

/**
 * out[o, i] = scale * sum over l of x[o, l, i], for x [outer, length, inner] and out [outer, inner] (written). Adds in
 * float64: TensorFlow.js's own sums lose two digits over 10^4 elements.
 */
export function sumMiddle(outer: i32, length: i32, inner: i32, scale: f64, x: usize, out: usize): void {
  const pitch = (<usize>inner) << 2;
  for (let o = 0; o < outer; o++) {
    let i = 0;
    if (inner === 1) {
      set(out, o, <f32>(sumRow(length, x) * scale));
      i = 1;
    }
    for (; i + 8 <= inner; i += 8) sumColumns8(length, pitch, scale, x + ((<usize>i) << 2), out + ((<usize>(o * inner + i)) << 2));
    for (; i < inner; i++) {
      let sum: f64 = 0;
      for (let l = 0; l < length; l++) sum += get(x, l * inner + i);
      set(out, o * inner + i, <f32>(sum * scale));
    }
    x += (<usize>(length * inner)) << 2;
  }
}

function sumRow(n: i32, x: usize): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const four = get4(x, i);
    low = f64x2.add(low, f64x2.promote_low_f32x4(four));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i32>(four, four, 2, 3, 2, 3)));
  }
  const both = f64x2.add(low, high);
  let sum = f64x2.extract_lane(both, 0) + f64x2.extract_lane(both, 1);
  for (; i < n; i++) sum += get(x, i);
  return sum;
}

function sumColumns8(length: i32, pitch: usize, scale: f64, x: usize, out: usize): void {
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (let l = 0; l < length; l++) {
    const a = get4(x, 0);
    const b = get4(x, 4);
    s0 = f64x2.add(s0, f64x2.promote_low_f32x4(a));
    s1 = f64x2.add(s1, f64x2.promote_low_f32x4(v128.shuffle<i32>(a, a, 2, 3, 2, 3)));
    s2 = f64x2.add(s2, f64x2.promote_low_f32x4(b));
    s3 = f64x2.add(s3, f64x2.promote_low_f32x4(v128.shuffle<i32>(b, b, 2, 3, 2, 3)));
    x += pitch;
  }
  const factor = f64x2.splat(scale);
  set4(out, 0, narrow(f64x2.mul(s0, factor), f64x2.mul(s1, factor)));
  set4(out, 4, narrow(f64x2.mul(s2, factor), f64x2.mul(s3, factor)));
}

/** Four float32 of two pairs of float64. */
// @ts-ignore: decorator
@inline
function narrow(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/**
 * out[ids[i]] += x[i], for x [count, width], int32 ids [count] and out [segments, width], which must hold zeros; ids outside
 * [0, segments) are left out.
 */
export function sumSegments(count: i32, width: i32, segments: i32, x: usize, ids: usize, out: usize): void {
  for (let i = 0; i < count; i++) {
    const segment = load<i32>(ids + ((<usize>i) << 2));
    if (segment >= 0 && segment < segments) addRow(width, x, out + ((<usize>(segment * width)) << 2));
    x += (<usize>width) << 2;
  }
}

// @ts-ignore: decorator
@inline
function addRow(n: i32, x: usize, sum: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) set4(sum, i, f32x4.add(get4(sum, i), get4(x, i)));
  for (; i < n; i++) set(sum, i, get(sum, i) + get(x, i));
}
