import { largest } from "../core/extent.js";
import { randomStream } from "../core/random.js";

/** The arithmetic mean; NaN of nothing. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle value, or the mean of the middle two; NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return mean(sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1));
}

/**
 * The standard deviation of the population that the values were drawn from (n - 1 in the denominator).
 * @returns a number >= 0; NaN for fewer than 2 values
 * @example standardDeviation([1, 3]) // Math.SQRT2
 */
export function standardDeviation(values: readonly number[]): number {
  return deviationWithin([values]);
}

/**
 * The common standard deviation of several groups about their own means: squared deviations over the degrees of freedom,
 * pooled. Groups of one value say nothing.
 * @returns a number >= 0; NaN where no group has 2 values
 * @example deviationWithin([[1, 3], [10, 12], [7]]) // Math.SQRT2
 */
export function deviationWithin(groups: readonly (readonly number[])[]): number {
  const squares = groups.map((values) => {
    const middle = mean(values);
    return values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  });
  const freedom = groups.reduce((sum, values) => sum + Math.max(0, values.length - 1), 0);
  return freedom > 0 ? Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / freedom) : NaN;
}

const EXACT = [12.7062, 4.3027, 3.1824, 2.7764];
const NORMAL = 1.959964;

/**
 * The 97.5 % point of Student's t: a 95 % interval reaches this many standard errors to both sides. Within 0.003 from
 * five degrees of freedom on (Cornish-Fisher), to four decimals below.
 * @param freedom degrees of freedom, >= 1
 * @example tQuantile(1) // 12.7062
 */
export function tQuantile(freedom: number): number {
  if (freedom <= EXACT.length) return EXACT[freedom - 1];
  const [z, f] = [NORMAL, freedom];
  return (
    z +
    (z ** 3 + z) / (4 * f) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * f ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * f ** 3)
  );
}

/** Fewer seeds than this are too few for a test: their spread stands in. */
const TESTABLE = 4;

/**
 * How far the mean over seeds may be off by the seeds' chance: half the 95 % t-interval from 4 seeds on; with 2 or 3, too
 * few for a test, three standard deviations of the seeds themselves (7 and 2 in 100 nulls pass on one side); with one
 * seed there is no spread to judge by.
 * @returns a number >= 0, Infinity for fewer than 2 values
 * @example margin([0.1, 0.2]) // 3 * 0.0707
 */
export function margin(values: readonly number[]): number {
  const count = values.length;
  if (count < 2) return Infinity;
  const spread = standardDeviation(values);
  return count < TESTABLE ? 3 * spread : (tQuantile(count - 1) * spread) / Math.sqrt(count);
}

/** The same, but 0 for fewer than 2 values: where a null lies inside each of them, one can be judged by. */
export function marginIfAny(values: readonly number[]): number {
  return values.length > 1 ? margin(values) : 0;
}

/**
 * Fisher's combination of independent p-values: the probability that as small a product arises by chance.
 * @param probabilities in (0, 1], at least one
 * @returns a probability in (0, 1]
 * @example combined([0.05]) // 0.05
 */
export function combined(probabilities: readonly number[]): number {
  const half = -probabilities.reduce((sum, p) => sum + Math.log(p), 0); // chi-squared with 2k degrees, halved
  let [term, sum] = [1, 1];
  for (let k = 1; k < probabilities.length; k++) {
    term *= half / k;
    sum += term;
  }
  return Math.min(1, Math.exp(-half) * sum);
}

/** Above this many arrangements, as many are drawn instead of all. */
const ARRANGEMENTS = 20_000;

/**
 * The exact one-sided permutation test of two small samples: the share of all ways to deal the values to the two sides
 * in which `high` exceeds `low` by at least as much, in the mean, as it does. With values 0 and 1 it is Fisher's exact
 * test. The smallest probability it can give is 1 over the number of ways: 1/2 for one against one, 1/20 for three
 * against three. Above 20,000 ways it draws 20,000 at random, always the same ones.
 * @returns a probability in (0, 1]
 * @example permutationTest([1, 1, 1], [0, 0, 0]) // 0.05
 */
export function permutationTest(high: readonly number[], low: readonly number[]): number {
  const values = [...high, ...low];
  const sum = (indices: readonly number[]): number => indices.reduce((total, i) => total + values[i], 0);
  const scale = Math.max(largest(values.map(Math.abs)), 1e-300);
  const observed = sum(high.map((_, i) => i)) - 1e-9 * scale; // equal sums in another order are equal
  const deals = dealsOf(values.length, high.length);
  const exceeding = deals.filter((deal) => sum(deal) >= observed).length;
  return exceeding / deals.length;
}

/** All ways to choose `chosen` of 0 .. count - 1, or the given one and random ones where there are too many. */
function dealsOf(count: number, chosen: number): number[][] {
  let ways = 1;
  for (let i = 1; i <= chosen; i++) ways = (ways * (count - chosen + i)) / i;
  if (ways > ARRANGEMENTS) {
    const random = randomStream(0, "permutation test");
    const own = Array.from({ length: chosen }, (_, i) => i);
    return [
      own,
      ...Array.from({ length: ARRANGEMENTS - 1 }, () => [...random.permutation(count).subarray(0, chosen)]),
    ];
  }
  let partial: number[][] = [[]];
  for (let size = 0; size < chosen; size++) {
    partial = partial.flatMap((deal) => {
      const from = (deal.at(-1) ?? -1) + 1;
      return Array.from({ length: count - from }, (_, i) => [...deal, from + i]);
    });
  }
  return partial;
}

/** Up to so many differences all signs are tried; of more, as many as permutations are drawn. */
const ALL_SIGNS = 14;

/**
 * The exact one-sided sign-flip test of paired differences: under the null each is as likely to have the other sign. The share
 * of all ways to choose the signs in which the sum is at least as large as it is; 20,000 random ones, always the same, of more
 * than 14 differences. The smallest probability it can give is 1 / 2^n.
 * @param differences those that are 0 say nothing
 * @returns a probability in (0, 1]
 * @example signFlipTest([1, 2, 3]) // 0.125
 */
export function signFlipTest(differences: readonly number[]): number {
  const sizes = differences.map(Math.abs);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const observed = differences.reduce((sum, value) => sum + value, 0) - 1e-9 * total; // equal sums in another order are equal
  const count = sizes.length;
  const all = count <= ALL_SIGNS;
  const ways = all ? 2 ** count : ARRANGEMENTS;
  const random = randomStream(0, "sign-flip test");
  let exceeding = 0;
  for (let way = 0; way < ways; way++) {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const negative = all ? (way >> i) & 1 : random.integer(2);
      sum += negative ? -sizes[i] : sizes[i];
    }
    if (sum >= observed) exceeding++;
  }
  return all ? exceeding / ways : (exceeding + 1) / (ways + 1);
}
