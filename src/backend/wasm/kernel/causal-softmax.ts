import { exponential } from "./elementwise";
import { get, get4, set, set4 } from "./memory";

/**
 * Replaces scores by the weights of causal attention: row i of each matrix becomes the softmax of scale times its elements
 * 0 to i; the elements behind become 0.
 * @param count matrices
 * @param T rows and columns of a matrix
 * @param scale factor of the scores, > 0
 * @param x [count, T, T]: scores, of which those above the diagonal are not looked at (written)
 */
export function causalSoftmax(count: i32, T: i32, scale: f32, x: usize): void {
  for (let z = 0; z < count; z++) {
    for (let i = 0; i < T; i++) {
      const n = i + 1;
      let largest = get(x, 0);
      for (let j = 1; j < n; j++) largest = max(largest, get(x, j));
      let sum: f64 = 0;
      let j = 0;
      for (; j + 4 <= n; j += 4) {
        const e = power(get4(x, j), largest, scale);
        set4(x, j, e);
        sum += <f64>f32x4.extract_lane(e, 0) + <f64>f32x4.extract_lane(e, 1);
        sum += <f64>f32x4.extract_lane(e, 2) + <f64>f32x4.extract_lane(e, 3);
      }
      for (; j < n; j++) {
        const e = f32x4.extract_lane(power(f32x4.splat(get(x, j)), largest, scale), 0);
        set(x, j, e);
        sum += e;
      }
      const factor = <f32>(1 / sum);
      for (j = 0; j + 4 <= n; j += 4) set4(x, j, f32x4.mul(get4(x, j), f32x4.splat(factor)));
      for (; j < n; j++) set(x, j, get(x, j) * factor);
      memory.fill(x + ((<usize>n) << 2), 0, (<usize>(T - n)) << 2);
      x += (<usize>T) << 2;
    }
  }
}

/** e^(scale (x - largest)) in four lanes. */
// @ts-ignore: decorator
@inline
function power(x: v128, largest: f32, scale: f32): v128 {
  return exponential(f32x4.mul(f32x4.sub(x, f32x4.splat(largest)), f32x4.splat(scale)));
}

/**
 * The gradient of `causalSoftmax` with respect to the scores.
 * @param count matrices
 * @param T rows and columns of a matrix
 * @param scale factor of the scores
 * @param weights [count, T, T]: from the forward pass
 * @param d [count, T, T]: gradient of the weights, of which those above the diagonal are not looked at; becomes that of
 * the scores, 0 above the diagonal (written)
 */
export function causalSoftmaxGradient(count: i32, T: i32, scale: f32, weights: usize, d: usize): void {
  for (let z = 0; z < count; z++) {
    for (let i = 0; i < T; i++) {
      const n = i + 1;
      let along: f64 = 0;
      for (let j = 0; j < n; j++) along += <f64>get(weights, j) * get(d, j);
      const mean = <f32>along;
      let j = 0;
      for (; j + 4 <= n; j += 4) {
        const error = f32x4.mul(f32x4.sub(get4(d, j), f32x4.splat(mean)), f32x4.splat(scale));
        set4(d, j, f32x4.mul(get4(weights, j), error));
      }
      for (; j < n; j++) set(d, j, get(weights, j) * ((get(d, j) - mean) * scale));
      memory.fill(d + ((<usize>n) << 2), 0, (<usize>(T - n)) << 2);
      weights += (<usize>T) << 2;
      d += (<usize>T) << 2;
    }
  }
}
