// Math.max(...values) passes every value as an argument, and about 120,000 of them overflow the stack.

/** The largest of any number of values; NaN if one is NaN, -Infinity of none. */
export function largest(values: Iterable<number>): number {
  let most = -Infinity;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The smallest of any number of values; NaN if one is NaN, Infinity of none. */
export function smallest(values: Iterable<number>): number {
  let least = Infinity;
  for (const value of values) least = Math.min(least, value);
  return least;
}
