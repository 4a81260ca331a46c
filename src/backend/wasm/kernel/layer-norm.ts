import { get, get4, set, set4 } from "./memory";

/**
 * y = (x - mean) / sqrt(variance + epsilon) gain + bias by the mean and biased variance of each row, in float64.
 * @param rows rows of x
 * @param C columns
 * @param epsilon added to the variance
 * @param x [rows, C]
 * @param gain [C]
 * @param bias [C]
 * @param y [rows, C] (written)
 * @param mean [rows] (written)
 * @param inverse [rows]: 1 / sqrt(variance + epsilon) (written)
 */
export function normaliseRows(
  rows: i32,
  C: i32,
  epsilon: f64,
  x: usize,
  gain: usize,
  bias: usize,
  y: usize,
  mean: usize,
  inverse: usize,
): void {
  for (let r = 0; r < rows; r++) {
    let sum: f64 = 0;
    let squares: f64 = 0;
    for (let c = 0; c < C; c++) {
      const value = <f64>get(x, c);
      sum += value;
      squares += value * value;
    }
    const centre = sum / C;
    const factor = 1 / sqrt<f64>(max(0, squares / C - centre * centre) + epsilon);
    set(mean, r, <f32>centre);
    set(inverse, r, <f32>factor);
    const m = f32x4.splat(<f32>centre);
    const f = f32x4.splat(<f32>factor);
    let c = 0;
    for (; c + 4 <= C; c += 4) {
      const standard = f32x4.mul(f32x4.sub(get4(x, c), m), f);
      set4(y, c, f32x4.add(f32x4.mul(standard, get4(gain, c)), get4(bias, c)));
    }
    for (; c < C; c++) set(y, c, (get(x, c) - <f32>centre) * <f32>factor * get(gain, c) + get(bias, c));
    x += (<usize>C) << 2;
    y += (<usize>C) << 2;
  }
}

/**
 * The gradients of `normaliseRows` with respect to x, gain and bias.
 * @param rows rows of x
 * @param C columns
 * @param x [rows, C]
 * @param gain [C]
 * @param mean [rows]: from the forward pass
 * @param inverse [rows]: from the forward pass
 * @param dy [rows, C]: gradient of y
 * @param dx [rows, C]: gradient of x (written)
 * @param dGain [C]: gradient of the gain (written)
 * @param dBias [C]: gradient of the bias (written)
 * @param sums scratch of 2 C float64
 */
export function normaliseRowsGradient(
  rows: i32,
  C: i32,
  x: usize,
  gain: usize,
  mean: usize,
  inverse: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  dBias: usize,
  sums: usize,
): void {
  const ofBias = sums + ((<usize>C) << 3);
  memory.fill(sums, 0, (<usize>C) << 4);
  for (let r = 0; r < rows; r++) {
    const m = get(mean, r);
    const f = get(inverse, r);
    let sum: f64 = 0;
    let along: f64 = 0;
    for (let c = 0; c < C; c++) {
      const standard = (get(x, c) - m) * f;
      const error = get(dy, c);
      const at = (<usize>c) << 3;
      store<f64>(sums + at, load<f64>(sums + at) + <f64>error * standard);
      store<f64>(ofBias + at, load<f64>(ofBias + at) + error);
      const d = <f64>error * get(gain, c);
      sum += d;
      along += d * standard;
    }
    const meanOf = f32x4.splat(<f32>(sum / C));
    const alongOf = f32x4.splat(<f32>(along / C));
    let c = 0;
    for (; c + 4 <= C; c += 4) {
      const standard = f32x4.mul(f32x4.sub(get4(x, c), f32x4.splat(m)), f32x4.splat(f));
      const d = f32x4.mul(get4(dy, c), get4(gain, c));
      const rest = f32x4.sub(f32x4.sub(d, meanOf), f32x4.mul(standard, alongOf));
      set4(dx, c, f32x4.mul(rest, f32x4.splat(f)));
    }
    for (; c < C; c++) {
      const standard = (get(x, c) - m) * f;
      const d = get(dy, c) * get(gain, c);
      set(dx, c, (d - <f32>(sum / C) - standard * <f32>(along / C)) * f);
    }
    x += (<usize>C) << 2;
    dy += (<usize>C) << 2;
    dx += (<usize>C) << 2;
  }
  for (let c = 0; c < C; c++) {
    set(dGain, c, <f32>load<f64>(sums + ((<usize>c) << 3)));
    set(dBias, c, <f32>load<f64>(ofBias + ((<usize>c) << 3)));
  }
}
