import type { Comparison } from "../compare.js";
import type { Diagonal } from "../file.js";

/** A float32 run of the reference's own script differs by so much at most; so many times that is allowed. */
const ALLOWANCE = 4;
const seen = (difference: number): number => ALLOWANCE * difference;

/** What numbers of each kind may differ by, as `Comparison` counts: relative unless a floor makes it absolute. */
export const TOLERANCE = {
  /** Norms and sums of what is drawn: the reference adds 1 to scales of norms in float64. */
  input: 1e-8,
  loss: seen(6e-6),
  /** Of the loss; absolute. */
  barrier: seen(2e-5),
  /** Running statistics and norms of weights. */
  norm: seen(2e-7),
  /** Of the list's largest entry. */
  diagonal: seen(2e-3),
  score: seen(6e-4),
  /** Of the largest. */
  eigenvalue: seen(3e-6),
  /** Variance of noise, and the edge of its bulk. */
  bulk: seen(1e-6),
  /** Alpha and xmin of a power law. */
  powerLaw: seen(5e-6),
  /** Kolmogorov-Smirnov distance. */
  distance: seen(3e-5),
  /** Counts, indices, permutations. */
  exact: 0,
} as const;

/** Below this margin between two logits, float32 may count one example otherwise. */
const MARGIN = 1e-4;

/**
 * Compares shares of wrong examples: exactly, or but for one example.
 * @param margin the smallest between two logits
 * @param count examples that were counted
 * @param at where, for the report
 */
export function compareErrors(
  compare: Comparison,
  quantity: string,
  found: ArrayLike<number>,
  expected: readonly number[],
  {
    margin = Infinity,
    count,
    at = "",
  }: { readonly margin?: number; readonly count: number; readonly at?: string },
): void {
  const one = margin < MARGIN ? 1 / count : 0;
  compare.values(quantity, found, expected, 1, at, one + 1e-9); // the file has 12 digits
}

/** Compares the first entries of a diagonal, relative to the largest of them, and the score. */
export function compareDiagonal(
  compare: Comparison,
  quantity: string,
  name: string,
  found: { readonly diagonal: ArrayLike<number>; readonly score: number },
  expected: Diagonal,
): void {
  const largest = Math.max(...expected.diag); // 20 at most
  compare.values(
    quantity,
    scaled(found.diagonal, largest),
    scaled(expected.diag, largest),
    1,
    name,
    TOLERANCE.diagonal,
  );
  compare.value(`${quantity} score`, name, found.score, expected.score, 0, TOLERANCE.score);
}

function scaled(values: ArrayLike<number>, largest: number): number[] {
  return Array.from(values, (value) => value / largest);
}
