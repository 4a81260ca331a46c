import {
  groupBy,
  metricsColumns,
  ranksColumns,
  rowsOf,
  type MetricsRow,
  type RanksRow,
  type Table,
} from "../tables.js";
import { firstRows, lastRows, mean, rankCorrelation, verdictOf, written, type Claim } from "./claim.js";

/** What the claims of figure 2 are computed from. */
export interface GrokkingTables {
  readonly metrics: Table<MetricsRow>;
  readonly ranks: Table<RanksRow>;
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
export function errorFallsWithRank(tables: GrokkingTables, label: string): Claim {
  const seeds = [...groupBy(errorRows(tables, label, "validation"), "seed").keys()];
  const runs = seeds.map((seed) => afterTraining(tables, label, seed));
  const value = mean(runs.map(({ errors, ranks }) => rankCorrelation(errors, ranks)));
  const fall = mean(runs.map(({ errors }) => Math.max(...errors) - errors[errors.length - 1]));
  const rankFall = mean(runs.map(({ ranks }) => ranks[0] - ranks[ranks.length - 1]));
  const fell = fall >= generalised;
  return {
    figure: 2,
    statement: `Validation error falls together with effective rank (${label})`,
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
export function neitherWithoutDecay(tables: GrokkingTables, withDecay: string, without: string): Claim {
  const error = mean(lastRows(errorRows(tables, without, "validation")).map((row) => row.value));
  const [fall, fallWith] = [rankFallOf(tables, without), rankFallOf(tables, withDecay)];
  const stayed = error >= generalised;
  const kept = fall < fallWith / 2;
  return {
    figure: 2,
    statement: `Without weight decay neither happens (${without})`,
    numbers: { validationError: error, rankFall: fall, rankFallWithDecay: fallWith },
    verdict: verdictOf(stayed && kept, error < generalised && fall >= fallWith / 2),
    detail:
      `validation error ends at ${written(error)} (agrees from ${generalised}); mean effective rank falls by ` +
      `${written(fall)}, with decay by ${written(fallWith)} (agrees below half of that)`,
  };
}

function errorRows(tables: GrokkingTables, label: string, split: string): MetricsRow[] {
  const rows = rowsOf(tables.metrics, metricsColumns, { label, split, metric: "error" }, ["variant"]);
  return rows.filter((row) => (row.variant ?? "full") === "full");
}

/** Validation error and mean effective rank at the moments when both are known and training error is 0. */
function afterTraining(
  tables: GrokkingTables,
  label: string,
  seed: number,
): { errors: number[]; ranks: number[] } {
  const own = (split: string): MetricsRow[] =>
    errorRows(tables, label, split).filter((row) => row.seed === seed);
  const done = Math.min(
    ...own("train")
      .filter((row) => row.value < trained)
      .map((row) => row.step),
  );
  const ranks = groupBy(rowsOf(tables.ranks, ranksColumns, { label, seed }), "step");
  const moments = own("validation").filter((row) => row.step >= done && ranks.has(row.step));
  moments.sort((a, b) => a.step - b.step);
  return {
    errors: moments.map((row) => row.value),
    ranks: moments.map((row) => mean((ranks.get(row.step) ?? []).map((matrix) => matrix.effectiveRank))),
  };
}

function rankFallOf(tables: GrokkingTables, label: string): number {
  const rows = rowsOf(tables.ranks, ranksColumns, { label });
  const average = (part: readonly RanksRow[]): number => mean(part.map((row) => row.effectiveRank));
  return average(firstRows(rows)) - average(lastRows(rows));
}
