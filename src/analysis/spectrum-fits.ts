import { eigenvaluesOf, fitNoise } from "../linalg/marchenko-pastur.js";
import { fitPowerLaw } from "../linalg/power-law.js";

/** Names of the fits of a spectrum, in the order of tables. */
export const FITS = [
  "alpha",
  "alphaXmin",
  "alphaDistance",
  "alphaTail",
  "alphaRunnerUp",
  "mpVariance",
  "mpEdge",
  "mpAbove",
] as const;

/** Singular values are right to so much of the largest (see `Svd`): a smaller one may be 0. */
const ACCURACY = 1e-7;

/**
 * What fits say of a spectrum, in terms of eigenvalues s_i^2 / N, N the longer side: the power law of its tail (`alpha`; `alphaXmin`, from
 * where on; `alphaDistance`; `alphaTail`, how many eigenvalues; `alphaRunnerUp`, the distance of the second best xmin) and
 * Marchenko-Pastur noise (`mpVariance` of the entries, `mpEdge`, where it ends, and `mpAbove`, how many eigenvalues are larger).
 *
 * Singular values below the decomposition's accuracy, 1e-7 of the largest, count as 0. Of a spectrum without two different values
 * above 0 the power law's numbers are NaN; of a zero matrix all are.
 * @param s singular values of a rows x columns matrix, falling
 */
export function fitsOf(
  s: Float64Array,
  rows: number,
  columns: number,
): Record<(typeof FITS)[number], number> {
  const known = s.map((value) => (value > ACCURACY * s[0] ? value : 0));
  const eigenvalues = eigenvaluesOf(known, rows, columns);
  const law = fitPowerLaw(eigenvalues);
  const ratio = Math.min(rows, columns) / Math.max(rows, columns);
  const noise = s[0] > 0 ? fitNoise(eigenvalues, ratio) : undefined;
  return {
    alpha: law?.alpha ?? NaN,
    alphaXmin: law?.xmin ?? NaN,
    alphaDistance: law?.distance ?? NaN,
    alphaTail: law?.tail ?? NaN,
    alphaRunnerUp: law?.runnerUp ?? NaN,
    mpVariance: noise?.variance ?? NaN,
    mpEdge: noise?.edge ?? NaN,
    mpAbove: noise?.above ?? NaN,
  };
}
