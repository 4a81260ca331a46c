import { get, get4, set, set4 } from "./memory";

/** Rows whose columns are added up together, so that they are read from memory once. */
const ROWS = 32;

/**
 * Mean and biased variance of every column, added up in float64.
 * @param rows rows of x, >= 1
 * @param C columns
 * @param x [rows, C]
 * @param mean [C] (written)
 * @param variance [C] (written)
 * @param sums scratch of 2 C float64
 */
export function columnMoments(rows: i32, C: i32, x: usize, mean: usize, variance: usize, sums: usize): void {
  columnSums(rows, C, x, x, sums);
  const squares = sums + ((<usize>C) << 3);
  for (let c = 0; c < C; c++) {
    const centre = load<f64>(sums + ((<usize>c) << 3)) / rows;
    set(mean, c, <f32>centre);
    set(variance, c, <f32>max(0, load<f64>(squares + ((<usize>c) << 3)) / rows - centre * centre));
  }
}

/** sums[c] = sum of y[r, c] and sums[C + c] = sum of x[r, c] y[r, c] over all rows r, in float64. */
function columnSums(rows: i32, C: i32, x: usize, y: usize, sums: usize): void {
  memory.fill(sums, 0, (<usize>C) << 4);
  for (let from = 0; from < rows; from += ROWS) {
    const count = min(ROWS, rows - from);
    const offset = (<usize>(from * C)) << 2;
    let c = 0;
    for (; c + 4 <= C; c += 4) columnSums4(count, C, x + offset, y + offset, c, sums);
    for (; c < C; c++) {
      const at = sums + ((<usize>c) << 3);
      let sum = load<f64>(at);
      let product = load<f64>(at + ((<usize>C) << 3));
      for (let r = 0; r < count; r++) {
        const value = <f64>get(y + offset, r * C + c);
        sum += value;
        product += value * get(x + offset, r * C + c);
      }
      store<f64>(at, sum);
      store<f64>(at + ((<usize>C) << 3), product);
    }
  }
}

// @ts-ignore: decorator
@inline
function columnSums4(count: i32, C: i32, x: usize, y: usize, c: i32, sums: usize): void {
  const atSum = sums + ((<usize>c) << 3);
  const atProduct = atSum + ((<usize>C) << 3);
  let s0 = v128.load(atSum);
  let s1 = v128.load(atSum, 16);
  let p0 = v128.load(atProduct);
  let p1 = v128.load(atProduct, 16);
  for (let r = 0; r < count; r++) {
    const a = get4(x, r * C + c);
    const b = get4(y, r * C + c);
    const b0 = f64x2.promote_low_f32x4(b);
    const b1 = f64x2.promote_low_f32x4(v128.shuffle<i32>(b, b, 2, 3, 2, 3));
    s0 = f64x2.add(s0, b0);
    s1 = f64x2.add(s1, b1);
    p0 = f64x2.add(p0, f64x2.mul(b0, f64x2.promote_low_f32x4(a)));
    p1 = f64x2.add(p1, f64x2.mul(b1, f64x2.promote_low_f32x4(v128.shuffle<i32>(a, a, 2, 3, 2, 3))));
  }
  v128.store(atSum, s0);
  v128.store(atSum, s1, 16);
  v128.store(atProduct, p0);
  v128.store(atProduct, p1, 16);
}

/**
 * y = (x - mean) / sqrt(variance + epsilon) gain + bias, column by column.
 * @param rows rows of x
 * @param C columns
 * @param epsilon added to the variance
 * @param x [rows, C]
 * @param mean [C]
 * @param variance [C]
 * @param gain [C]
 * @param bias [C]
 * @param y [rows, C] (written)
 * @param scale scratch [C]
 */
export function normaliseColumns(
  rows: i32,
  C: i32,
  epsilon: f64,
  x: usize,
  mean: usize,
  variance: usize,
  gain: usize,
  bias: usize,
  y: usize,
  scale: usize,
): void {
  for (let c = 0; c < C; c++) set(scale, c, <f32>(get(gain, c) / sqrt<f64>(get(variance, c) + epsilon)));
  for (let r = 0; r < rows; r++) {
    let c = 0;
    for (; c + 4 <= C; c += 4) {
      const centred = f32x4.sub(get4(x, c), get4(mean, c));
      set4(y, c, f32x4.add(f32x4.mul(centred, get4(scale, c)), get4(bias, c)));
    }
    for (; c < C; c++) set(y, c, (get(x, c) - get(mean, c)) * get(scale, c) + get(bias, c));
    x += (<usize>C) << 2;
    y += (<usize>C) << 2;
  }
}

/**
 * The gradients of `columnMoments` and `normaliseColumns` together with respect to x, gain and bias.
 * @param rows rows of x
 * @param C columns
 * @param epsilon added to the variance
 * @param x [rows, C]
 * @param mean [C]
 * @param variance [C]
 * @param gain [C]
 * @param dy [rows, C]: gradient of y
 * @param dx [rows, C]: gradient of x (written)
 * @param dGain [C]: gradient of the gain (written)
 * @param dBias [C]: gradient of the bias (written)
 * @param sums scratch of 2 C float64
 */
export function normaliseColumnsGradient(
  rows: i32,
  C: i32,
  epsilon: f64,
  x: usize,
  mean: usize,
  variance: usize,
  gain: usize,
  dy: usize,
  dx: usize,
  dGain: usize,
  dBias: usize,
  sums: usize,
): void {
  columnSums(rows, C, x, dy, sums);
  // dx = scale dy + slope (x - mean) + constant; the sums' memory takes these three.
  const scale = sums;
  const slope = scale + ((<usize>C) << 2);
  const constant = slope + ((<usize>C) << 2);
  const products = sums + ((<usize>C) << 3);
  // Both sums are read before anything is written over them: first into the results ...
  for (let c = 0; c < C; c++) {
    const inverse = 1 / sqrt<f64>(get(variance, c) + epsilon);
    const sum = load<f64>(sums + ((<usize>c) << 3));
    const product = load<f64>(products + ((<usize>c) << 3));
    set(dBias, c, <f32>sum);
    set(dGain, c, <f32>((product - sum * get(mean, c)) * inverse));
  }
  // ... then into the factors.
  for (let c = 0; c < C; c++) {
    const inverse = 1 / sqrt<f64>(get(variance, c) + epsilon);
    const factor = get(gain, c) * inverse;
    set(scale, c, <f32>factor);
    set(slope, c, <f32>((-factor * inverse * get(dGain, c)) / rows));
    set(constant, c, <f32>((-factor * get(dBias, c)) / rows));
  }
  for (let r = 0; r < rows; r++) {
    let c = 0;
    for (; c + 4 <= C; c += 4) {
      const centred = f32x4.sub(get4(x, c), get4(mean, c));
      const along = f32x4.add(f32x4.mul(centred, get4(slope, c)), get4(constant, c));
      set4(dx, c, f32x4.add(f32x4.mul(get4(dy, c), get4(scale, c)), along));
    }
    for (; c < C; c++) {
      const along = (get(x, c) - get(mean, c)) * get(slope, c) + get(constant, c);
      set(dx, c, get(dy, c) * get(scale, c) + along);
    }
    x += (<usize>C) << 2;
    dy += (<usize>C) << 2;
    dx += (<usize>C) << 2;
  }
}
