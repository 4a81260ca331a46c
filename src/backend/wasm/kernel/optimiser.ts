import { get, get4, multiplyAdd, set, set4 } from "./memory";

/**
 * One AdamW update: m1 = beta1 m + rest1 g, v1 = beta2 v + rest2 g^2, and
 * p1 = p * decay - rate * m1 / (sqrt(v1 * inverse) + epsilon). All arrays have n elements. p1, m1 and v1 may be p, m and v
 * themselves.
 * @param n elements
 * @param p parameters
 * @param m first moments
 * @param v second moments
 * @param g gradients
 * @param p1 next parameters (written)
 * @param m1 next first moments (written)
 * @param v1 next second moments (written)
 * @param decay 1 - learning rate * weight decay
 * @param rate learning rate / (1 - beta1^t) at update t = 1, 2, ...
 * @param inverse 1 / (1 - beta2^t)
 * @param epsilon added to the root
 * @param beta1 decay of the first moments
 * @param rest1 1 - beta1, made in float64
 * @param beta2 decay of the second moments
 * @param rest2 1 - beta2, made in float64
 */
export function adamw(
  n: i32,
  p: usize,
  m: usize,
  v: usize,
  g: usize,
  p1: usize,
  m1: usize,
  v1: usize,
  decay: f32,
  rate: f32,
  inverse: f32,
  epsilon: f32,
  beta1: f32,
  rest1: f32,
  beta2: f32,
  rest2: f32,
): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const gradient = get4(g, i);
    const first = multiplyAdd(f32x4.splat(rest1), gradient, f32x4.mul(f32x4.splat(beta1), get4(m, i)));
    const square = f32x4.mul(gradient, gradient);
    const second = multiplyAdd(f32x4.splat(rest2), square, f32x4.mul(f32x4.splat(beta2), get4(v, i)));
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(second, f32x4.splat(inverse))), f32x4.splat(epsilon));
    const step = f32x4.div(f32x4.mul(f32x4.splat(rate), first), root);
    set4(m1, i, first);
    set4(v1, i, second);
    set4(p1, i, f32x4.sub(f32x4.mul(get4(p, i), f32x4.splat(decay)), step));
  }
  for (; i < n; i++) {
    const gradient = get(g, i);
    const first = beta1 * get(m, i) + rest1 * gradient;
    const second = beta2 * get(v, i) + rest2 * gradient * gradient;
    set(m1, i, first);
    set(v1, i, second);
    set(p1, i, get(p, i) * decay - (rate * first) / (sqrt<f32>(second * inverse) + epsilon));
  }
}

/**
 * One SGD update: v1 = momentum v + g + decay p; p1 = p - rate v1. All arrays have n elements. p1 and v1 may be p and v
 * themselves.
 * @param n elements
 * @param p parameters
 * @param v velocities
 * @param g gradients
 * @param p1 next parameters (written)
 * @param v1 next velocities (written)
 * @param rate learning rate
 * @param momentum in [0, 1)
 * @param decay weight decay
 */
export function sgd(
  n: i32,
  p: usize,
  v: usize,
  g: usize,
  p1: usize,
  v1: usize,
  rate: f32,
  momentum: f32,
  decay: f32,
): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const weight = get4(p, i);
    const pull = multiplyAdd(f32x4.splat(decay), weight, get4(g, i));
    const velocity = multiplyAdd(f32x4.splat(momentum), get4(v, i), pull);
    set4(v1, i, velocity);
    set4(p1, i, f32x4.sub(weight, f32x4.mul(f32x4.splat(rate), velocity)));
  }
  for (; i < n; i++) {
    const velocity = momentum * get(v, i) + get(g, i) + decay * get(p, i);
    set(v1, i, velocity);
    set(p1, i, get(p, i) - rate * velocity);
  }
}
