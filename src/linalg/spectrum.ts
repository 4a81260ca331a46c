/**
 * One number about a spectrum of singular values (PAPER.md section 1). All are divided by the number n of singular values
 * where the paper's figures do so, all ignore the scale of s, and none changes it.
 *
 * The authors' code adds 1e-10 to s before the entropy, which keeps log(0) away but makes the entropy depend on the scale
 * of the weights. Here 0 ln 0 is 0 instead; the difference is below 1e-9 for weights of ordinary size.
 */
import { SpectrumError } from "../core/errors.js";

/**
 * Effective rank exp(H(p)) / n with p = s / sum(s) (Roy and Vetterli, 2007): what the paper's figures show.
 * @param s singular values, length n >= 1, finite, >= 0
 * @returns a number in [1/n, 1]; 1 means that all singular values are equal
 * @throws SpectrumError if s is empty, negative, non-finite or all zero
 */
export function effectiveRank(s: ArrayLike<number>): number {
  return Math.exp(entropy(s, "effectiveRank")) / s.length;
}

/**
 * Normalised spectral entropy H(p) / n with p = s / sum(s): the paper's Eqn 1 as printed.
 * @param s singular values, length n >= 1, finite, >= 0
 * @returns a number in [0, ln(n) / n]
 * @throws SpectrumError if s is empty, negative, non-finite or all zero
 */
export function entropyRank(s: ArrayLike<number>): number {
  return entropy(s, "entropyRank") / s.length;
}

/**
 * The 90 % count: the smallest k with p_1 + ... + p_k > 0.9, over n.
 * @param s singular values in falling order, length n >= 1, finite, >= 0
 * @returns a number in (0, 1]
 * @throws SpectrumError if s is empty, negative, non-finite or all zero
 */
export function count90(s: ArrayLike<number>): number {
  const total = checkedSum(s, "count90");
  let sum = 0;
  for (let k = 1; k <= s.length; k++) {
    sum += s[k - 1];
    if (sum > 0.9 * total) return k / s.length;
  }
  return 1;
}

/**
 * Stable rank: sum s_i^2 / s_1^2, over n.
 * @param s singular values, length n >= 1, finite, >= 0
 * @returns a number in [1/n, 1]
 * @throws SpectrumError if s is empty, negative, non-finite or all zero
 */
export function stableRank(s: ArrayLike<number>): number {
  checkedSum(s, "stableRank");
  let largest = 0;
  for (let i = 0; i < s.length; i++) largest = Math.max(largest, s[i]);
  let sum = 0;
  for (let i = 0; i < s.length; i++) sum += (s[i] / largest) ** 2;
  return sum / s.length;
}

/**
 * Gini index of the singular values: mean absolute difference over twice the mean.
 * @param s singular values, length n >= 1, finite, >= 0
 * @returns a number in [0, 1 - 1/n]; 0 means that all singular values are equal
 * @throws SpectrumError if s is empty, negative, non-finite or all zero
 */
export function gini(s: ArrayLike<number>): number {
  const total = checkedSum(s, "gini");
  const n = s.length;
  const rising = Float64Array.from(s).sort();
  let weighted = 0; // sum_i sum_j |s_i - s_j| = 2 sum_i (2 i - n + 1) s_(i), i from 0
  for (let i = 0; i < n; i++) weighted += (2 * i - n + 1) * (rising[i] / total);
  return Math.max(0, weighted / n);
}

/** -sum p ln p in nats. */
function entropy(s: ArrayLike<number>, measure: string): number {
  const total = checkedSum(s, measure);
  let sum = 0;
  for (let i = 0; i < s.length; i++) {
    const p = s[i] / total;
    if (p > 0) sum -= p * Math.log(p);
  }
  return Math.min(Math.max(sum, 0), Math.log(s.length));
}

/** The sum of a spectrum that has one. */
function checkedSum(s: ArrayLike<number>, measure: string): number {
  if (s.length === 0) throw new SpectrumError(`${measure}: expected at least one singular value, found none`);
  let sum = 0;
  for (let i = 0; i < s.length; i++) {
    if (!(s[i] >= 0 && s[i] < Infinity)) {
      throw new SpectrumError(
        `${measure}: expected finite singular values >= 0, found ${s[i]} at index ${i}`,
      );
    }
    sum += s[i];
  }
  if (sum === 0)
    throw new SpectrumError(`${measure}: all ${s.length} singular values are 0: there is no spectrum`);
  if (sum === Infinity) throw new SpectrumError(`${measure}: the sum of the singular values overflows`);
  return sum;
}
