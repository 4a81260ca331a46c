/**
 * Mean of |<u, v>| for independent, uniformly random unit vectors of dimension d:
 * Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)), about sqrt(2 / (pi d)). By the recurrence E(d) E(d+1) = 2 / (pi d).
 * @param dimension an integer >= 1
 * @throws RangeError otherwise
 */
export function chanceAlignment(dimension: number): number {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new RangeError(`chanceAlignment: expected a dimension >= 1, found ${dimension}`);
  }
  let expected = 1;
  for (let d = 1; d < dimension; d++) expected = 2 / (Math.PI * d * expected);
  return expected;
}

/** Standard deviation of |<u, v>|: its mean square is 1 / d. */
export function chanceDeviation(dimension: number): number {
  return Math.sqrt(Math.max(0, 1 / dimension - chanceAlignment(dimension) ** 2));
}
