/**
 * The exact one-sided test that values fall along their order: the share of all rearrangements within each series in which as
 * many pairs fall (Kendall's S, summed over the series) as they do. Series are independent; each may have its own length.
 * The smallest probability that it can give is 1 over the product of the factorials of the lengths.
 * @param series of at most 8 values each, without NaN; equal values neither rise nor fall
 * @returns a probability in (0, 1]; NaN where no series has two values
 * @example trendTest([[3, 2, 1]]) // 1 / 6
 */
export function trendTest(series: readonly (readonly number[])[]): number {
  const long = series.filter(({ length }) => length > 1);
  if (long.length === 0) return NaN;
  const observed = long.reduce((sum, values) => sum + falls(values), 0);
  let distribution = new Map([[0, 1]]);
  for (const values of long) distribution = convolved(distribution, scoresOf(values));
  let probability = 0;
  for (const [score, share] of distribution) if (score >= observed) probability += share;
  return Math.min(1, probability);
}

/** Pairs that fall less pairs that rise. */
function falls(values: readonly number[]): number {
  let score = 0;
  values.forEach((a, i) => values.slice(i + 1).forEach((b) => (score += Math.sign(a - b))));
  return score;
}

/** The share of the arrangements of some values that have each score. */
function scoresOf(values: readonly number[]): Map<number, number> {
  const scores = new Map<number, number>();
  const arranged = arrangements(values);
  for (const one of arranged) {
    const score = falls(one);
    scores.set(score, (scores.get(score) ?? 0) + 1 / arranged.length);
  }
  return scores;
}

function arrangements(values: readonly number[]): number[][] {
  if (values.length < 2) return [[...values]];
  return values.flatMap((first, i) => arrangements(values.filter((_, j) => j !== i)).map((rest) => [first, ...rest])); // prettier-ignore
}

function convolved(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): Map<number, number> {
  const sums = new Map<number, number>();
  for (const [x, p] of a) for (const [y, q] of b) sums.set(x + y, (sums.get(x + y) ?? 0) + p * q);
  return sums;
}
