/**
 * The Marchenko-Pastur law (1967): where the eigenvalues of noise end. Eigenvalues are those of W^T W / N for a matrix W with
 * independent entries of variance v, N its longer side and q = shorter / longer side in (0, 1]; as the matrix grows they
 * fill the interval v (1 -+ sqrt(q))^2. What lies above its upper end, the edge, is no noise of that variance.
 */
import { SpectrumError } from "../core/errors.js";

/** Noise fitted to a spectrum. */
export interface NoiseBulk {
  /** Of the entries of the matrix that would be this noise. */
  readonly variance: number;
  /** Where eigenvalues of that noise end. */
  readonly edge: number;
  /** How many eigenvalues are larger than the edge. */
  readonly above: number;
}

/**
 * How the variance of noise is estimated. "bulkMean": the mean of the eigenvalues that are not above the edge which it
 * gives. "median": the median of all over that of the law; too large where many eigenvalues lie outside the bulk.
 */
export type VarianceEstimate = "bulkMean" | "median";

/**
 * Eigenvalues of W^T W / N: s_i^2 over the longer side.
 * @param s singular values of a rows x columns matrix
 */
export function eigenvaluesOf(s: ArrayLike<number>, rows: number, columns: number): Float64Array {
  const longer = Math.max(rows, columns);
  return Float64Array.from({ length: s.length }, (_, i) => s[i] ** 2 / longer);
}

/** The upper end of the law, v (1 + sqrt(q))^2. @throws SpectrumError unless 0 < q <= 1 */
export function marchenkoPasturEdge(ratio: number, variance = 1): number {
  return variance * (1 + Math.sqrt(checkedRatio(ratio))) ** 2;
}

/**
 * The law's density at x: sqrt((b - x) (x - a)) / (2 pi q v x) between its ends a and b, else 0. It integrates to 1.
 * @throws SpectrumError unless 0 < q <= 1
 */
export function marchenkoPasturDensity(x: number, ratio: number, variance = 1): number {
  const root = Math.sqrt(checkedRatio(ratio));
  const [low, high] = [variance * (1 - root) ** 2, variance * (1 + root) ** 2];
  if (!(x > low && x < high)) return 0;
  return Math.sqrt((high - x) * (x - low)) / (2 * Math.PI * ratio * variance * x);
}

/**
 * The median of the law of variance 1. With x = 1 + q - 2 sqrt(q) cos t, t from 0 to pi, its distribution function is
 * ((1 + q) t + 2 sqrt(q) sin t - 2 (1 - q) atan(tan(t / 2) (1 + sqrt(q)) / (1 - sqrt(q)))) / (2 pi q).
 * @throws SpectrumError unless 0 < q <= 1
 */
export function marchenkoPasturMedian(ratio: number): number {
  const root = Math.sqrt(checkedRatio(ratio));
  const below = (t: number): number => {
    const angle = Math.atan2((1 + root) * Math.sin(t / 2), (1 - root) * Math.cos(t / 2));
    return ((1 + ratio) * t + 2 * root * Math.sin(t) - 2 * (1 - ratio) * angle) / (2 * Math.PI * ratio);
  };
  let [low, high] = [0, Math.PI];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (below(middle) < 0.5) low = middle;
    else high = middle;
  }
  return 1 + ratio - 2 * root * Math.cos((low + high) / 2);
}

/** The Tracy-Widom law of real matrices is exceeded here once in a hundred (Johnstone 2001, table 1). */
const TRACY_WIDOM_99 = 2.02;

/**
 * What the largest eigenvalue of noise exceeds once in a hundred matrices; above the edge, since matrices are finite:
 * v (m + 2.02 s) / N, m = (sqrt(N - 1) + sqrt(p))^2, s = sqrt(m) (1 / sqrt(N - 1) + 1 / sqrt(p))^(1/3), p the shorter side
 * (Johnstone, Annals of Statistics 29, 2001). The variance v is the mean of the eigenvalues that are not above it: `fitNoise`, which
 * leaves out what is above the edge, finds too small a one where a value of mere noise lies there.
 * @param eigenvalues of a rows x columns matrix, in any order, at least one
 * @returns 0 of zeros
 * @throws SpectrumError unless the sides are whole and one of them is at least 2
 */
export function noiseLimit(eigenvalues: ArrayLike<number>, rows: number, columns: number): number {
  const [longer, shorter] = [Math.max(rows, columns), Math.min(rows, columns)];
  if (!Number.isInteger(rows) || !Number.isInteger(columns) || shorter < 1 || longer < 2)
    throw new SpectrumError(
      `noiseLimit: expected whole sides, one of them 2 or more, found ${rows} x ${columns}`,
    );
  const [a, b] = [Math.sqrt(longer - 1), Math.sqrt(shorter)];
  const spread = (a + b) * Math.cbrt(1 / a + 1 / b);
  const factor = ((a + b) ** 2 + TRACY_WIDOM_99 * spread) / longer;
  return factor * bulkMean(Float64Array.from(eigenvalues).sort(), factor);
}

/**
 * Fits noise to a spectrum. The edge is that of an infinite matrix: one eigenvalue of mere noise may lie just above it.
 *
 * Spectra without noise need no exception: of zeros alone variance and edge are 0 and none is above; of a few eigenvalues
 * among zeros the bulk is the zeros.
 * @example
 * fitNoise(eigenvaluesOf(s, 300, 200), 200 / 300).above; // directions that stand out of noise
 * @param eigenvalues in any order, at least one, finite, >= 0
 * @param ratio q, shorter over longer side of the matrix
 * @throws SpectrumError if there are none, one is negative or not finite, or q is not in (0, 1]
 */
export function fitNoise(
  eigenvalues: ArrayLike<number>,
  ratio: number,
  estimate: VarianceEstimate = "bulkMean",
): NoiseBulk {
  const rising = Float64Array.from(eigenvalues).sort();
  if (rising.length === 0) throw new SpectrumError("fitNoise: expected at least one eigenvalue, found none");
  const wrong = rising.findIndex((value) => !(value >= 0 && value < Infinity));
  if (wrong >= 0)
    throw new SpectrumError(`fitNoise: expected finite eigenvalues >= 0, found ${rising[wrong]}`);
  const variance =
    estimate === "median"
      ? median(rising) / marchenkoPasturMedian(ratio)
      : bulkMean(rising, marchenkoPasturEdge(ratio));
  const edge = marchenkoPasturEdge(ratio, variance);
  return { variance, edge, above: rising.length - countUpTo(rising, edge) };
}

/** Starts with all eigenvalues; those above `edge` times the last mean leave, until none does. */
function bulkMean(rising: Float64Array, edge: number): number {
  for (let count = rising.length; ;) {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += rising[i];
    const variance = sum / count;
    const inside = countUpTo(rising, edge * variance);
    if (inside >= count) return variance;
    count = inside;
  }
}

function median(rising: Float64Array): number {
  const half = rising.length / 2;
  return (rising[Math.ceil(half) - 1] + rising[Math.floor(half)]) / 2;
}

function countUpTo(rising: Float64Array, edge: number): number {
  const first = rising.findIndex((value) => value > edge);
  return first < 0 ? rising.length : first;
}

function checkedRatio(ratio: number): number {
  if (ratio > 0 && ratio <= 1) return ratio;
  throw new SpectrumError(`Marchenko-Pastur: expected shorter / longer side in (0, 1], found ${ratio}`);
}
