import type { ColumnTable } from "arquero";
import type { Facets } from "../../core/facets.js";
import { lastRows, mean, type Origin, rowsOf, verdictOf, written, type Claim } from "../claim.js";

interface MetricsRow extends Origin {
  readonly value: number;
}

interface RanksRow extends Origin {
  readonly depth: number;
  readonly effectiveRank: number;
}

interface AlignmentRow extends Origin {
  readonly rank: number;
  readonly value: number;
}

/** What the claims of figure 8 are computed from. */
export interface LabelTables {
  readonly metrics: ColumnTable;
  readonly ranks: ColumnTable;
  readonly alignment: ColumnTable;
}

/** The two experiments. */
export interface LabelRuns {
  readonly trueLabels: Facets;
  readonly randomLabels: Facets;
}

/** What the paper says of figure 8. @param contact the pair whose alignment is compared */
export function claimsOfRandomLabels(tables: LabelTables, runs: LabelRuns, contact: string): Claim[] {
  return [
    bothFit(tables.metrics, runs),
    randomLabelsRankHigher(tables.ranks, runs),
    randomLabelsLoseAlignment(tables.alignment, contact, runs),
  ];
}

const fitted = { agrees: 0.02, disagrees: 0.1 } as const;
/** Differences of ranks and alignments smaller than this decide nothing. */
const clear = 0.02;

/** "Both reach about 0 training error": agrees where both end at most at 0.02, disagrees where one ends above 0.1. */
function bothFit(metrics: ColumnTable, { trueLabels, randomLabels }: LabelRuns): Claim {
  const last = (where: Facets): number => {
    const facets = { ...where, split: "train", metric: "error", variant: "full" };
    return mean(lastRows(rowsOf<MetricsRow>(metrics, facets)).map((row) => row.value));
  };
  const [right, random] = [last(trueLabels), last(randomLabels)];
  const worst = Math.max(right, random);
  return {
    figure: 8,
    statement: "True and random labels are both fitted",
    numbers: { trueLabels: right, randomLabels: random },
    verdict: verdictOf(worst <= fitted.agrees, worst > fitted.disagrees),
    detail:
      `training error ends at ${written(right)} with true labels and at ${written(random)} with random ones ` +
      `(agrees up to ${fitted.agrees}, disagrees above ${fitted.disagrees})`,
  };
}

/**
 * "Random labels end with higher rank in the middle": mean effective rank, at the end, of the matrices that are neither
 * the first nor the last. Agrees where it is higher by more than 0.02, disagrees where lower by more than that.
 */
function randomLabelsRankHigher(ranks: ColumnTable, { trueLabels, randomLabels }: LabelRuns): Claim {
  const middle = (where: Facets): number => {
    const rows = rowsOf<RanksRow>(ranks, where);
    const depths = rows.map((row) => row.depth);
    const [first, last] = [Math.min(...depths), Math.max(...depths)];
    return mean(
      lastRows(rows.filter(({ depth }) => depth > first && depth < last)).map((row) => row.effectiveRank),
    );
  };
  const [right, random] = [middle(trueLabels), middle(randomLabels)];
  const difference = random - right;
  return {
    figure: 8,
    statement: "Random labels end with higher effective rank in the middle layers",
    numbers: { trueLabels: right, randomLabels: random, difference },
    verdict: verdictOf(difference > clear, difference < -clear),
    detail:
      `effective rank of the middle layers ends at ${written(right)} with true labels and at ${written(random)} with ` +
      `random ones: ${compared(difference)} (differences up to ${clear} decide nothing)`,
  };
}

/**
 * "Random labels lose alignment": the mean of the first 10 diagonal entries of one pair at the end. Agrees where it is
 * lower with random labels by more than 0.02, disagrees where higher by more than that.
 */
function randomLabelsLoseAlignment(
  alignment: ColumnTable,
  contact: string,
  { trueLabels, randomLabels }: LabelRuns,
): Claim {
  const score = (where: Facets): number => {
    const rows = rowsOf<AlignmentRow>(alignment, { ...where, contact });
    return mean(lastRows(rows.filter((row) => row.rank <= 10)).map((row) => row.value));
  };
  const [right, random] = [score(trueLabels), score(randomLabels)];
  const difference = right - random;
  return {
    figure: 8,
    statement: `Random labels lose alignment (${contact})`,
    numbers: { trueLabels: right, randomLabels: random, difference },
    verdict: verdictOf(difference > clear, difference < -clear),
    detail:
      `alignment of the 10 top ranks ends at ${written(right)} with true labels and at ${written(random)} with random ` +
      `ones: ${compared(-difference)} (differences up to ${clear} decide nothing)`,
  };
}

/** A difference from true labels in words. */
function compared(difference: number): string {
  return `${written(Math.abs(difference))} ${difference < 0 ? "lower" : "higher"}`;
}
