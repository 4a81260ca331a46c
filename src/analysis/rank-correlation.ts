/**
 * Ranks from 1 for the smallest; equal values share the mean of their ranks.
 * @example ranksOf([10, 30, 10]) // [1.5, 3, 1.5]
 */
export function ranksOf(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const ranks = new Array<number>(values.length);
  for (let from = 0; from < order.length;) {
    let to = from + 1;
    while (to < order.length && values[order[to]] === values[order[from]]) to++;
    for (let i = from; i < to; i++) ranks[order[i]] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
}

/** Pearson's correlation of two lists, each entry counted `weights` times. @returns NaN where one of them is constant */
export function correlation(
  x: readonly number[],
  y: readonly number[],
  weights: readonly number[] = x.map(() => 1),
): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const centre = (values: readonly number[]): number =>
    values.reduce((sum, value, i) => sum + weights[i] * value, 0) / total;
  const [meanX, meanY] = [centre(x), centre(y)];
  let [xy, xx, yy] = [0, 0, 0];
  weights.forEach((weight, i) => {
    xy += weight * (x[i] - meanX) * (y[i] - meanY);
    xx += weight * (x[i] - meanX) ** 2;
    yy += weight * (y[i] - meanY) ** 2;
  });
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : NaN;
}

/**
 * Spearman's rank correlation: Pearson's of the ranks.
 * @returns in [-1, 1]; NaN for fewer than 2 values or where one list is constant
 * @example rankCorrelation([1, 2, 3], [9, 4, 1]) // -1
 */
export function rankCorrelation(x: readonly number[], y: readonly number[]): number {
  return correlation(ranksOf(x), ranksOf(y));
}

/**
 * Rank correlation with a third quantity held fixed (partial correlation of the ranks).
 * @returns NaN where the third orders one of the two completely, or something is constant
 */
export function partialRankCorrelation(
  x: readonly number[],
  y: readonly number[],
  given: readonly number[],
): number {
  const [xy, xz, yz] = [rankCorrelation(x, y), rankCorrelation(x, given), rankCorrelation(y, given)];
  const rest = (1 - xz ** 2) * (1 - yz ** 2);
  return rest > 1e-12 ? (xy - xz * yz) / Math.sqrt(rest) : NaN;
}

/**
 * Rank correlation within groups: ranks are taken, and centred, in each group, and then correlated over all groups together. What
 * differs between groups, such as the moment at which branches left their trunk, has no part in it. Groups of one say nothing.
 * @returns NaN where no group has two values, or one list is constant in every group
 * @example rankCorrelationWithin([[[1, 2, 3], [6, 5, 4]], [[9, 8], [10, 11]]]) // -1
 */
export function rankCorrelationWithin(
  groups: readonly (readonly [readonly number[], readonly number[]])[],
): number {
  const centred = (values: readonly number[]): number[] => {
    const middle = (values.length + 1) / 2;
    return ranksOf(values).map((rank) => rank - middle);
  };
  return correlation(
    groups.flatMap(([x]) => centred(x)),
    groups.flatMap(([, y]) => centred(y)),
  );
}
