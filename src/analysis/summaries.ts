import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { Row } from "../store/rows.js";
import type { LabelledRun } from "./tables.js";

/** When a split counts as learned: the first measured step with an error below `below`. */
export interface Threshold {
  readonly split: string;
  readonly below: number;
}

/**
 * When each run learned: label, seed, and per threshold the first step at which the error was below it (null: never);
 * then the last step and the last error of each split.
 */
export function learnedAt(runs: readonly LabelledRun[], thresholds: readonly Threshold[]): ColumnTable {
  return aq.from(
    runs.map(({ label, run }) => {
      const rows = run.rows();
      const errors = (split: string): Row[] => fullMetric(rows, split, "error");
      const summary: Record<string, unknown> = { label, seed: run.record.seed };
      for (const { split, below } of thresholds) {
        const learned = errors(split).find((row) => Number(row.value) < below);
        summary[`${split} error < ${below} at step`] = learned?.step ?? null;
      }
      summary["last step"] = run.record.step ?? null;
      for (const { split } of thresholds)
        summary[`last ${split} error`] = errors(split).at(-1)?.value ?? null;
      return summary;
    }),
  );
}

/** Effective rank of every matrix at the first and last measurement: label, seed, matrix, first, last, change. */
export function rankChange(runs: readonly LabelledRun[]): ColumnTable {
  return firstAndLast(runs, "spectra", "matrix", "effectiveRank");
}

/**
 * Every singular value of one matrix at the first and last stored step: label, seed, rank (from 1), first, last, growth
 * (last / first).
 */
export function singularValueGrowth(runs: readonly LabelledRun[], matrix: string): ColumnTable {
  const rows = runs.flatMap(({ label, run }) => {
    const steps = run.steps();
    const valuesAt = (step: number): number[] =>
      Array.from(run.readArrays(step, [`singular-values/${matrix}`]).values(), ({ data }) =>
        Array.from(data, Number),
      ).flat();
    const last = valuesAt(steps[steps.length - 1]);
    return valuesAt(steps[0]).map((first, i) => ({
      label,
      seed: run.record.seed,
      rank: i + 1,
      first,
      last: last[i],
      growth: last[i] / first,
    }));
  });
  return aq.from(rows);
}

/** Agreement score of every matrix with its initialisation at the first (1) and last measurement, as `rankChange`. */
export function agreementChange(runs: readonly LabelledRun[]): ColumnTable {
  return firstAndLast(runs, "agreement", "matrix", "score");
}

/** Alignment score of every contact at the first and last measurement: label, seed, contact, first, last, change. */
export function alignmentChange(runs: readonly LabelledRun[]): ColumnTable {
  return firstAndLast(runs, "alignment", "contact", "score");
}

/** A metric at the last pruning: label, seed, full, top half, bottom half (of every spectrum but the last layer's). */
export function prunedMetric(runs: readonly LabelledRun[], split: string, metric: string): ColumnTable {
  return aq.from(
    runs.map(({ label, run }) => {
      const rows = run.rows();
      const of = (variant: string): Row | undefined =>
        rows.filter((row) => row.split === split && row.metric === metric && row.variant === variant).at(-1);
      const [top, bottom] = [of("top"), of("bottom")];
      const full = fullMetric(rows, split, metric).find((row) => row.step === top?.step);
      return {
        label,
        seed: run.record.seed,
        step: top?.step ?? null,
        full: full?.value ?? null,
        "top half": top?.value ?? null,
        "bottom half": bottom?.value ?? null,
      };
    }),
  );
}

/** The rows of one metric of the whole network, in the order of steps. */
function fullMetric(rows: readonly Row[], split: string, metric: string): Row[] {
  return rows.filter(
    (row) =>
      row.probe === "metrics" && row.split === split && row.metric === metric && row.variant === "full",
  );
}

function firstAndLast(
  runs: readonly LabelledRun[],
  probe: string,
  subject: string,
  measure: string,
): ColumnTable {
  return aq.from(
    runs.flatMap(({ label, run }) => {
      const bySubject = new Map<unknown, Row[]>();
      for (const row of run.rows().filter((candidate) => candidate.probe === probe)) {
        bySubject.set(row[subject], [...(bySubject.get(row[subject]) ?? []), row]);
      }
      return [...bySubject].map(([name, rows]) => {
        const [first, last] = [rows[0][measure], rows[rows.length - 1][measure]];
        return {
          label,
          seed: run.record.seed,
          [subject]: name,
          first,
          last,
          change: Number(last) - Number(first),
        };
      });
    }),
  );
}

/**
 * The value in one column of the first row that matches.
 * @throws RangeError if no row matches
 */
export function lookup(
  table: ColumnTable,
  where: Readonly<Record<string, unknown>>,
  column: string,
): unknown {
  for (let row = 0; row < table.numRows(); row++) {
    if (Object.entries(where).every(([name, value]) => table.get(name, row) === value))
      return table.get(column, row);
  }
  throw new RangeError(`lookup: no row with ${JSON.stringify(where)}`);
}
