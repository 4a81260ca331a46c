import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { type Facet, type Facets, facetNames, requireColumns, where } from "../core/facets.js";
import type { Row } from "../store/rows.js";
import {
  agreementScoresTable,
  alignmentScoresTable,
  type FacetedRun,
  ranksTable,
  tableOf,
} from "./tables.js";

/** When a split counts as learned: the first measured step with an error below `below`. */
export interface Threshold {
  readonly split: string;
  readonly below: number;
}

/**
 * When each run learned, a row per run: the facets, and per threshold the first step at which the error was below it
 * (null: never); then the last step and the last error of each split.
 *
 * @example
 *     learnedAt(runs, [{ split: "validation", below: 0.05 }])
 *     // task, setting, seed, "validation error < 0.05 at step", "last step", "last validation error"
 */
export function learnedAt(runs: readonly FacetedRun[], thresholds: readonly Threshold[]): ColumnTable {
  const first = ({ split, below }: Threshold): string => `${split} error < ${below} at step`;
  const last = ({ split }: Threshold): string => `last ${split} error`;
  const names = [...new Set([...thresholds.map(first), "last step", ...thresholds.map(last)])];
  return tableOf(runs, names, (run) => {
    const rows = run.rows();
    const summary: Record<string, Facet> = { "last step": run.record.step ?? null };
    for (const threshold of thresholds) {
      const errors = fullMetric(rows, threshold.split, "error");
      summary[first(threshold)] = errors.find(({ value }) => Number(value) < threshold.below)?.step ?? null;
      summary[last(threshold)] = errors.at(-1)?.value ?? null;
    }
    return [summary];
  });
}

/** Effective rank of every matrix at the first and last measurement: the facets, matrix, first, last, change. */
export function rankChange(runs: readonly FacetedRun[]): ColumnTable {
  return firstAndLast(ranksTable(runs), "matrix", "effectiveRank");
}

/** Agreement score of every matrix with its initialisation at the first (1) and last measurement, as `rankChange`. */
export function agreementChange(runs: readonly FacetedRun[]): ColumnTable {
  return firstAndLast(agreementScoresTable(runs), "matrix", "score");
}

/** Alignment score of every contact at the first and last measurement: the facets, contact, first, last, change. */
export function alignmentChange(runs: readonly FacetedRun[]): ColumnTable {
  return firstAndLast(alignmentScoresTable(runs), "contact", "score");
}

/**
 * Every singular value of one matrix at the first and last stored step: the facets, rank (from 1), first, last, growth
 * (last / first).
 * @throws DataError if a run has no such matrix
 */
export function singularValueGrowth(runs: readonly FacetedRun[], matrix: string): ColumnTable {
  return tableOf(runs, ["rank", "first", "last", "growth"], (run) => {
    const steps = run.steps();
    const valuesAt = (step: number): number[] =>
      Array.from(run.readArrays(step, [`singular-values/${matrix}`]).values(), ({ data }) =>
        Array.from(data, Number),
      ).flat();
    const last = valuesAt(steps[steps.length - 1]);
    return valuesAt(steps[0]).map((first, i) => ({
      rank: i + 1,
      first,
      last: last[i],
      growth: last[i] / first,
    }));
  });
}

/**
 * A metric at the last pruning, a row per run: the facets, step, full, top half, bottom half (of every spectrum but the
 * last layer's); nulls of a run that was never pruned.
 */
export function prunedMetric(runs: readonly FacetedRun[], split: string, metric: string): ColumnTable {
  return tableOf(runs, ["step", "full", "top half", "bottom half"], (run) => {
    const rows = run.rows();
    const of = (variant: string): Row | undefined =>
      rows.findLast((row) => row.split === split && row.metric === metric && row.variant === variant);
    const [top, bottom] = [of("top"), of("bottom")];
    const full = fullMetric(rows, split, metric).find(({ step }) => step === top?.step);
    return [
      {
        step: top?.step ?? null,
        full: full?.value ?? null,
        "top half": top?.value ?? null,
        "bottom half": bottom?.value ?? null,
      },
    ];
  });
}

/** The rows of one metric of the whole network, in the order of steps. */
function fullMetric(rows: readonly Row[], split: string, metric: string): Row[] {
  return rows.filter(
    (row) =>
      row.probe === "metrics" && row.split === split && row.metric === metric && row.variant === "full",
  );
}

/** First and last value of a measure for each run and subject, and the difference. */
function firstAndLast(table: ColumnTable, subject: string, measure: string): ColumnTable {
  const keys = [...facetNames(table), subject];
  const change = (row: Record<string, number>): number => row.last - row.first;
  return table
    .groupby(keys)
    .derive({
      first: aq.rolling(aq.op.first_value(measure), [-Infinity, Infinity]),
      last: aq.rolling(aq.op.last_value(measure), [-Infinity, Infinity]),
    })
    .ungroup()
    .dedupe(keys)
    .select(...keys, "first", "last")
    .derive({ change: aq.escape(change) })
    .reify();
}

/**
 * The value in one column of the first row that has some values.
 *
 * @example
 *     lookup(rankChange(runs), { setting: "decay", matrix: "encoder.weight" }, "change")
 *
 * @throws RangeError if no row matches; DataError for a column that the table lacks
 */
export function lookup(table: ColumnTable, facets: Facets, column: string): unknown {
  const found = where(table, facets);
  requireColumns(found, [column]);
  if (found.numRows() === 0) throw new RangeError(`lookup: no row with ${JSON.stringify(facets)}`);
  return found.get(column, 0);
}
