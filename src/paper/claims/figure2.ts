import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import {
  firstRows,
  groupBy,
  lastRows,
  mean,
  type Origin,
  rankCorrelation,
  rowsOf,
  verdictOf,
  written,
  type Claim,
} from "../claim.js";

/** What the claims of figure 2 are computed from. */
export interface GrokkingTables {
  readonly metrics: ColumnTable;
  readonly ranks: ColumnTable;
}

interface MetricsRow extends Origin {
  readonly value: number;
}

interface RanksRow extends Origin {
  readonly effectiveRank: number;
}

/** What the paper says of figure 2. @param noDecay the same without weight decay, where it was run */
export function claimsOfGrokking(
  tables: GrokkingTables,
  decay: Facets,
  noDecay: Facets | undefined,
): Claim[] {
  const together = errorFallsWithRank(tables, decay);
  return noDecay ? [together, neitherWithoutDecay(tables, decay, noDecay)] : [together];
}

/** Training counts as finished below this error. */
const trained = 0.001;
const correlation = { agrees: 0.6, disagrees: 0.2 } as const;
const generalised = 0.5;

/**
 * "The fall of validation error coincides with the fall of effective rank": Spearman's correlation, over the moments
 * after training error fell below 0.001, of validation error and the mean effective rank of all matrices; the mean over
 * seeds. Agrees from 0.6, disagrees up to 0.2; undecided where validation error did not fall by at least 0.5.
 */
function errorFallsWithRank(tables: GrokkingTables, where: Facets): Claim {
  const seeds = [...groupBy(errorRows(tables, where, "validation"), "seed").keys()];
  const runs = seeds.map((seed) => afterTraining(tables, where, seed));
  const value = mean(runs.map(({ errors, ranks }) => rankCorrelation(errors, ranks)));
  const fall = mean(runs.map(({ errors }) => Math.max(...errors) - errors[errors.length - 1]));
  const rankFall = mean(runs.map(({ ranks }) => ranks[0] - ranks[ranks.length - 1]));
  const fell = fall >= generalised;
  return {
    figure: 2,
    statement: `Validation error falls together with effective rank (${facetsText(where)})`,
    numbers: { correlation: value, errorFall: fall, rankFall },
    verdict: verdictOf(fell && value >= correlation.agrees, fell && value <= correlation.disagrees),
    detail:
      `after training error reached 0, validation error fell by ${written(fall)} and mean effective rank by ` +
      `${written(rankFall)}, rank correlation ${written(value)} (agrees from ${correlation.agrees}, disagrees up to ` +
      `${correlation.disagrees}, undecided if the error fell by less than ${generalised})`,
  };
}

/**
 * "Neither happens without decay": of the run without decay, validation error stays at 0.5 or above and mean effective
 * rank falls less than half as much as with decay. Disagrees where both happen all the same.
 */
function neitherWithoutDecay(tables: GrokkingTables, withDecay: Facets, without: Facets): Claim {
  const error = mean(lastRows(errorRows(tables, without, "validation")).map((row) => row.value));
  const [fall, fallWith] = [rankFallOf(tables, without), rankFallOf(tables, withDecay)];
  const stayed = error >= generalised;
  const kept = fall < fallWith / 2;
  return {
    figure: 2,
    statement: `Without weight decay neither happens (${facetsText(without)})`,
    numbers: { validationError: error, rankFall: fall, rankFallWithDecay: fallWith },
    verdict: verdictOf(stayed && kept, error < generalised && fall >= fallWith / 2),
    detail:
      `validation error ends at ${written(error)} (agrees from ${generalised}); mean effective rank falls by ` +
      `${written(fall)}, with decay by ${written(fallWith)} (agrees below half of that)`,
  };
}

function errorRows(tables: GrokkingTables, where: Facets, split: string): MetricsRow[] {
  return rowsOf(tables.metrics, { ...where, split, metric: "error", variant: "full" });
}

/** Validation error and mean effective rank at the moments when both are known and training error is 0. */
function afterTraining(
  tables: GrokkingTables,
  where: Facets,
  seed: number,
): { errors: number[]; ranks: number[] } {
  const own = (split: string): MetricsRow[] =>
    errorRows(tables, where, split).filter((row) => row.seed === seed);
  const done = Math.min(
    ...own("train")
      .filter((row) => row.value < trained)
      .map((row) => row.step),
  );
  const ranks = groupBy(rowsOf<RanksRow>(tables.ranks, { ...where, seed }), "step");
  const moments = own("validation").filter((row) => row.step >= done && ranks.has(row.step));
  moments.sort((a, b) => a.step - b.step);
  return {
    errors: moments.map((row) => row.value),
    ranks: moments.map((row) => mean((ranks.get(row.step) ?? []).map((matrix) => matrix.effectiveRank))),
  };
}

function rankFallOf(tables: GrokkingTables, where: Facets): number {
  const rows = rowsOf<RanksRow>(tables.ranks, where);
  const average = (part: readonly RanksRow[]): number => mean(part.map((row) => row.effectiveRank));
  return average(firstRows(rows)) - average(lastRows(rows));
}
