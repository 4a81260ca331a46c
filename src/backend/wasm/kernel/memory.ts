/** float32 access by element number, one at a time or four; pointers are byte offsets into TensorFlow.js's heap. */

// @ts-ignore: decorator
@inline
export function get(p: usize, i: i32): f32 {
  return load<f32>(p + ((<usize>i) << 2));
}

// @ts-ignore: decorator
@inline
export function set(p: usize, i: i32, value: f32): void {
  store<f32>(p + ((<usize>i) << 2), value);
}

// @ts-ignore: decorator
@inline
export function get4(p: usize, i: i32): v128 {
  return v128.load(p + ((<usize>i) << 2));
}

// @ts-ignore: decorator
@inline
export function set4(p: usize, i: i32, value: v128): void {
  v128.store(p + ((<usize>i) << 2), value);
}

// @ts-ignore: decorator
@inline
export function splat(p: usize, i: i32): v128 {
  return v128.load32_splat(p + ((<usize>i) << 2));
}

/** a * b + c, fused where the build has relaxed SIMD. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(c, f32x4.mul(a, b));
}
