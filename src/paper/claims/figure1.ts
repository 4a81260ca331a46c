import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import {
  bySeed,
  firstRows,
  lastRows,
  overSeeds,
  percent,
  verdictOf,
  written,
  type Claim,
  type RunRow,
} from "../claim.js";
import { margin, mean } from "../statistics.js";

/** Growth of the large singular values over that of the others. */
const least = 1.5;
/**
 * n times the standard deviation of ln(sum of the largest tenth / sum of the others) over independent random matrices
 * with n singular values: 1.2 for square ones, less for others (test/paper/claims/figure1.test.ts measures it).
 */
const DRAW = 1.2;
const deviations = 3;

interface SpectrumRow extends RunRow {
  /** From 1. */
  readonly rank: number;
  readonly value: number;
}

/**
 * "Large singular values grow disproportionately": the growth of the largest tenth of a matrix's singular values from the
 * first to the last moment (sum over sum), over that of the others. A common rescaling leaves this ratio at 1; a random
 * walk leaves the entries independent, so that it changes the ratio by no more than two independent draws of the matrix
 * differ, whatever its length.
 * @param spectra columns matrix, rank (from 1), value
 */
export function largeValuesGrow(spectra: ColumnTable, facets: Facets, matrix: string): Claim {
  const columns = ["rank", "value"] as const;
  const seeds = [...bySeed<SpectrumRow>(spectra, { ...facets, matrix }, columns, ["rank"]).values()];
  const count = Math.max(0, ...seeds.flatMap((rows) => firstRows(rows).map(({ rank }) => rank)));
  const top = Math.ceil(count / 10);
  const growths = seeds.map((rows) => ({
    large: growth(rows, ({ rank }) => rank <= top),
    others: growth(rows, ({ rank }) => rank > top),
  }));
  const ratios = growths.map(({ large, others }) => large / others);
  const ratio = mean(ratios);
  const walk = Math.exp((deviations * Math.SQRT2 * DRAW) / count / Math.sqrt(seeds.length));
  const off = ratios.length > 1 ? margin(ratios) : 0;
  return {
    figure: 1,
    statement: `Large singular values grow disproportionately (${facetsText(facets)}, ${matrix})`,
    null: "all singular values are rescaled alike, or the weights walk at random",
    effect:
      `from the first to the last moment the ${top} largest of ${count} singular values grew ` +
      `${written(mean(growths.map(({ large }) => large)))}-fold, the others ` +
      `${written(mean(growths.map(({ others }) => others)))}-fold: ratio ${overSeeds(ratios)}; a random walk changes it by ` +
      `at most ${percent(walk - 1)}`,
    threshold:
      `agrees if the ratio is at least ${least}, beyond what a random walk changes (${deviations} standard deviations) and ` +
      `above 1 by the spread over seeds; disagrees if it is within what a random walk changes, or below`,
    numbers: {
      large: mean(growths.map(({ large }) => large)),
      others: mean(growths.map(({ others }) => others)),
      ratio,
      randomWalk: walk,
    },
    verdict: verdictOf(ratio >= least && ratio > walk && ratio - off > 1, ratio <= walk),
  };
}

function growth(rows: readonly SpectrumRow[], part: (row: SpectrumRow) => boolean): number {
  const total = (moment: readonly SpectrumRow[]): number =>
    moment.filter(part).reduce((sum, { value }) => sum + value, 0);
  return total(lastRows(rows)) / total(firstRows(rows));
}
