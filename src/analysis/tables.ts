import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { Row } from "../store/rows.js";
import { thin } from "../store/results.js";
import type { RunReader } from "../store/stored-run.js";

/** A run, and what a figure or table calls the experiment that it belongs to. Seeds of one experiment share a label. */
export interface LabelledRun {
  readonly label: string;
  readonly run: RunReader;
}

/** What arrays to read: all of them make large tables. */
export interface ArrayChoice {
  /** Which matrices or contacts, by name. Default all. */
  readonly only?: (name: string) => boolean;
  /** At most this many steps of a run, evenly chosen; the first and last stay. Default all. */
  readonly maxSteps?: number;
}

/** Evaluated losses, errors, ...: label, seed, step, epoch, split, variant, metric, value (probes metrics and pruning). */
export function metricsTable(runs: readonly LabelledRun[]): ColumnTable {
  const columns = ["split", "variant", "metric", "value"];
  return tableOf(runs, (row) => row.probe === "metrics" || row.probe === "pruning", columns);
}

/** Measures of every spectrum: label, seed, step, epoch, matrix, depth, effectiveRank, ... (probe spectra). */
export function ranksTable(runs: readonly LabelledRun[]): ColumnTable {
  const measures = [
    "effectiveRank",
    "entropyRank",
    "count90",
    "stableRank",
    "gini",
    "largest",
    "median",
    "frobenius",
  ];
  return tableOf(runs, (row) => row.probe === "spectra", ["matrix", "depth", ...measures]);
}

/** Alignment scores: label, seed, step, epoch, contact, depth, score, dimension, entries, pairs (probe alignment). */
export function alignmentScoresTable(runs: readonly LabelledRun[]): ColumnTable {
  return tableOf(runs, (row) => row.probe === "alignment", [
    "contact",
    "depth",
    "score",
    "dimension",
    "entries",
    "entries",
    "pairs",
  ]);
}

/** Agreement with the initialisation: label, seed, step, epoch, matrix, depth, score (probe agreement). */
export function agreementScoresTable(runs: readonly LabelledRun[]): ColumnTable {
  return tableOf(runs, (row) => row.probe === "agreement", ["matrix", "depth", "score"]);
}

/** Singular values: label, seed, step, epoch, matrix, rank (from 1), value. */
export function spectrumTable(runs: readonly LabelledRun[], choice: ArrayChoice = {}): ColumnTable {
  return arrayTable(runs, "singular-values/", "matrix", choice);
}

/** Alignment diagonals: label, seed, step, epoch, contact, rank (from 1), value. */
export function alignmentTable(runs: readonly LabelledRun[], choice: ArrayChoice = {}): ColumnTable {
  return arrayTable(runs, "alignment/", "contact", choice);
}

/** Agreement diagonals with the initialisation: label, seed, step, epoch, matrix, rank (from 1), value. */
export function agreementTable(runs: readonly LabelledRun[], choice: ArrayChoice = {}): ColumnTable {
  return arrayTable(runs, "agreement/", "matrix", choice);
}

type Cell = Row[string];

function tableOf(
  runs: readonly LabelledRun[],
  keep: (row: Row) => boolean,
  names: readonly string[],
): ColumnTable {
  const columns = new Map<string, Cell[]>(
    ["label", "seed", "step", "epoch", ...names].map((name) => [name, []]),
  );
  for (const { label, run } of runs) {
    for (const row of run.rows().filter(keep)) {
      const full: Row = { label, seed: run.record.seed, ...row };
      columns.forEach((cells, name) => cells.push(full[name] ?? null));
    }
  }
  return aq.table([...columns]);
}

function arrayTable(
  runs: readonly LabelledRun[],
  prefix: string,
  subject: "matrix" | "contact",
  { only = () => true, maxSteps = Infinity }: ArrayChoice,
): ColumnTable {
  const columns: Record<string, Cell[]> = {
    label: [],
    seed: [],
    step: [],
    epoch: [],
    [subject]: [],
    rank: [],
    value: [],
  };
  for (const { label, run } of runs) {
    const epochs = new Map(run.rows().map((row) => [row.step, row.epoch]));
    for (const step of thin(run.steps(), maxSteps)) {
      for (const [name, { data }] of run.readArrays(step)) {
        const about = name.slice(prefix.length);
        if (!name.startsWith(prefix) || !only(about)) continue;
        data.forEach((value: number | bigint, index: number) => {
          const cells = [
            label,
            run.record.seed,
            step,
            epochs.get(step) ?? null,
            about,
            index + 1,
            Number(value),
          ];
          Object.values(columns).forEach((column, i) => column.push(cells[i]));
        });
      }
    }
  }
  return aq.table(columns);
}
