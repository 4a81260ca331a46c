import { SpectrumError } from "../core/errors.js";

/** A power law fitted to the upper part of a spectrum: densities fall as x^-alpha from xmin on. */
export interface PowerLaw {
  readonly alpha: number;
  readonly xmin: number;
  /** Kolmogorov-Smirnov distance of the tail from the law, in [0, 1]. */
  readonly distance: number;
  /** Values of the tail: those >= xmin. */
  readonly tail: number;
  /** The second smallest distance of all choices of xmin: close to `distance`, the choice is arbitrary. */
  readonly runnerUp: number;
}

export interface PowerLawOptions {
  /**
   * Takes the distance on both sides of every step of the tail's distribution, the textbook's. Default false: on the lower
   * side alone, as plfit, powerlaw and WeightWatcher do.
   */
  readonly twoSided?: boolean;
}

/**
 * The continuous fit of Clauset, Shalizi and Newman (SIAM Review 51, 2009): for every value but the largest as xmin, with the tail
 * x_0 <= ... <= x_{n-1} of those >= xmin, alpha = 1 + n / sum ln(x_i / xmin) and distance
 * D = max_i |1 - (x_i / xmin)^(1 - alpha) - i / n|; the xmin of smallest D wins.
 *
 * Values of 0 are left out, equal values are one choice of xmin. A choice is given up as soon as its distance is seen to be
 * above the second smallest, so 10,000 values take about a tenth of a second, with the result of the whole scan.
 *
 * @param values in any order, finite, >= 0: usually eigenvalues (see `eigenvaluesOf`)
 * @returns undefined where fewer than two different values are above 0: there is no tail to fit
 * @throws SpectrumError if a value is negative or not finite
 */
export function fitPowerLaw(
  values: ArrayLike<number>,
  { twoSided = false }: PowerLawOptions = {},
): PowerLaw | undefined {
  const all = Float64Array.from(values).sort();
  const wrong = all.findIndex((value) => !(value >= 0 && value < Infinity));
  if (wrong >= 0) throw new SpectrumError(`fitPowerLaw: expected finite values >= 0, found ${all[wrong]}`);
  const rising = all.subarray(all.findLastIndex((value) => value === 0) + 1);
  const logs = rising.map(Math.log);
  const count = rising.length;
  const sums = new Float64Array(count + 1); // sums[i] = logs[i] + logs[i + 1] + ...
  for (let i = count - 1; i >= 0; i--) sums[i] = sums[i + 1] + logs[i];

  let best: Omit<PowerLaw, "runnerUp"> | undefined;
  let runnerUp = Infinity;
  for (let start = 0; start < count && rising[start] < rising[count - 1]; start++) {
    if (start > 0 && rising[start] === rising[start - 1]) continue;
    const tail = count - start;
    const slope = tail / (sums[start] - tail * logs[start]); // alpha - 1
    if (!(slope < Infinity)) continue; // values that differ in their last digit alone
    const distance = distanceOf(logs, start, slope, twoSided, runnerUp);
    if (distance < (best?.distance ?? Infinity)) {
      runnerUp = best?.distance ?? Infinity;
      best = { alpha: 1 + slope, xmin: rising[start], distance, tail };
    } else if (distance < runnerUp) runnerUp = distance;
  }
  return best && { ...best, runnerUp };
}

/** The distance of a tail from its law; some number > `limit` where it is above that. */
function distanceOf(
  logs: Float64Array,
  start: number,
  slope: number,
  twoSided: boolean,
  limit: number,
): number {
  const tail = logs.length - start;
  const first = logs[start];
  const upper = twoSided ? 1 / tail : 0;
  let most = 0;
  const visit = (from: number, stride: number): void => {
    for (let i = from; i < tail && most <= limit; i += stride) {
      const law = -Math.expm1(slope * (first - logs[start + i])); // 1 - (x / xmin)^(1 - alpha)
      most = Math.max(most, Math.abs(law - i / tail), Math.abs(law - i / tail - upper));
    }
  };
  // Widely spaced places first, then those between them: a large distance shows early.
  let stride = 2 ** Math.floor(Math.log2(tail));
  visit(0, stride);
  for (; stride > 1; stride /= 2) visit(stride / 2, stride);
  return most;
}
