import { largest, smallest } from "../../core/extent.js";
import type { ColumnTable } from "arquero";
import type { Facets } from "../../core/facets.js";
import { bySeed, lastRows, overSeeds, verdictOf, written, type Claim, type RunRow } from "../claim.js";
import { margin, mean } from "../statistics.js";

/** What the claims of figure 8 are computed from. */
export interface LabelTables {
  /** Columns split, variant, metric, value. */
  readonly metrics: ColumnTable;
  /** Columns matrix, depth, effectiveRank. */
  readonly ranks: ColumnTable;
  /** Columns contact, rank (from 1), value. */
  readonly alignment: ColumnTable;
}

/** The facets of the two settings. */
export interface LabelFacets {
  readonly trueLabels: Facets;
  readonly randomLabels: Facets;
}

const fitted = { agrees: 0.02, disagrees: 0.1 } as const;
/** Differences of ranks and alignments smaller than this are none. */
const least = 0.02;

interface ErrorRow extends RunRow {
  readonly variant: string | null;
  readonly value: number;
}

interface RankRow extends RunRow {
  readonly matrix: string;
  readonly depth: number;
  readonly effectiveRank: number;
}

interface AlignmentRow extends RunRow {
  readonly rank: number;
  readonly value: number;
}

/**
 * "Both reach about 0 training error", "random labels end with higher rank in the middle" (mean effective rank of the
 * matrices that are neither first nor last) "and lose alignment" (mean of the first ten diagonal entries of `contact`).
 */
export function claimsOfRandomLabels(tables: LabelTables, settings: LabelFacets, contact: string): Claim[] {
  const { trueLabels, randomLabels } = settings;
  const compared = (of: (facets: Facets) => Map<number, number>): Pairs => ({
    right: of(trueLabels),
    random: of(randomLabels),
  });
  return [
    bothFit(compared((facets) => lastErrors(tables.metrics, facets))),
    difference(
      compared((facets) => middleRanks(tables.ranks, facets)),
      "Random labels end with higher effective rank in the middle layers",
      "mean effective rank of the middle layers at the end",
      1,
    ),
    difference(
      compared((facets) => topAlignment(tables.alignment, facets, contact)),
      `Random labels lose alignment (${contact})`,
      "mean alignment of the ten top ranks at the end",
      -1,
    ),
  ];
}

/** One number of each seed under both kinds of labels. */
interface Pairs {
  readonly right: ReadonlyMap<number, number>;
  readonly random: ReadonlyMap<number, number>;
}

function lastErrors(metrics: ColumnTable, facets: Facets): Map<number, number> {
  const of = { ...facets, split: "train", metric: "error" };
  const rows = bySeed<ErrorRow>(metrics, of, ["variant", "value"], ["variant"]);
  return mapped(rows, (own) => own.findLast((row) => (row.variant ?? "full") === "full")?.value ?? NaN);
}

function middleRanks(ranks: ColumnTable, facets: Facets): Map<number, number> {
  const rows = bySeed<RankRow>(ranks, facets, ["matrix", "depth", "effectiveRank"], ["matrix"]);
  return mapped(rows, (own) => {
    const last = lastRows(own);
    const depths = last.map(({ depth }) => depth);
    const [lowest, highest] = [smallest(depths), largest(depths)];
    return mean(
      last.filter(({ depth }) => depth > lowest && depth < highest).map((row) => row.effectiveRank),
    );
  });
}

function topAlignment(alignment: ColumnTable, facets: Facets, contact: string): Map<number, number> {
  const of = { ...facets, contact };
  const rows = bySeed<AlignmentRow>(alignment, of, ["rank", "value"], ["rank"]);
  return mapped(rows, (own) =>
    mean(
      lastRows(own)
        .filter(({ rank }) => rank <= 10)
        .map(({ value }) => value),
    ),
  );
}

function mapped<Row>(
  rows: ReadonlyMap<number, Row[]>,
  numberOf: (own: Row[]) => number,
): Map<number, number> {
  return new Map([...rows].map(([seed, own]) => [seed, numberOf(own)]));
}

function bothFit({ right, random }: Pairs): Claim {
  const [rightErrors, randomErrors] = [[...right.values()], [...random.values()]];
  const missing = rightErrors.length === 0 || randomErrors.length === 0;
  const worst = missing ? NaN : largest([...rightErrors, ...randomErrors]);
  return {
    figure: 8,
    statement: "True and random labels are both fitted",
    null: "random labels, which have nothing to generalise from, are not fitted in every seed",
    effect:
      `training error ends at ${overSeeds(rightErrors)} with true labels, at ${overSeeds(randomErrors)} with random ones, ` +
      `at worst at ${written(worst)}`,
    threshold: `agrees if it ends at ${fitted.agrees} or below in every seed, disagrees if above ${fitted.disagrees} in any`,
    numbers: { trueLabels: mean(rightErrors), randomLabels: mean(randomErrors), worst },
    verdict: verdictOf(worst <= fitted.agrees, worst > fitted.disagrees),
  };
}

/** Random minus true labels, paired by seed; `sign` 1 where the paper says higher, -1 where lower. */
function difference({ right, random }: Pairs, statement: string, quantity: string, sign: 1 | -1): Claim {
  const seeds = [...right.keys()].filter((seed) => random.has(seed));
  const of = (values: ReadonlyMap<number, number>): number[] => seeds.map((seed) => values.get(seed) ?? NaN);
  const [rights, randoms] = [of(right), of(random)];
  const differences = randoms.map((value, i) => value - rights[i]);
  const size = sign * mean(differences);
  const off = margin(differences);
  const direction = sign > 0 ? "higher" : "lower";
  return {
    figure: 8,
    statement,
    null: "labels make no difference: random minus true labels, paired by seed, is 0 by the spread over seeds",
    effect:
      `${quantity}: ${written(mean(rights))} with true labels, ${written(mean(randoms))} with random ones, difference ` +
      overSeeds(differences),
    threshold:
      `agrees if ${direction} with random labels by at least ${least} and beyond the spread over seeds, disagrees if not ` +
      `by as much, likewise beyond the spread; one seed decides nothing`,
    numbers: { trueLabels: mean(rights), randomLabels: mean(randoms), difference: mean(differences) },
    verdict: verdictOf(size >= least && size - off > 0, size + off < least),
  };
}
