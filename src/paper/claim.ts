import type { ColumnTable } from "arquero";
import { DataError } from "../core/errors.js";
import { type Facets, facetsText, where } from "../core/facets.js";
import { mean, standardDeviation } from "./statistics.js";

export type Verdict = "agrees" | "disagrees" | "undecided";

/**
 * A sentence of the paper against what would be seen if it were false. The rules and their error rates under simulated
 * nulls stand in docs/claims.md.
 */
export interface Claim {
  readonly figure: number;
  /** What the paper says, and of which experiment. */
  readonly statement: string;
  /** What it is compared with. */
  readonly null: string;
  /** What was measured, with its spread over the seeds, or "one seed: no spread". */
  readonly effect: string;
  /** The rule of the verdict. */
  readonly threshold: string;
  /** What was measured, by name. NaN where it could not be. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly verdict: Verdict;
}

/** Agrees or disagrees where a condition holds, undecided where neither does: a comparison with NaN never does. */
export function verdictOf(agrees: boolean, disagrees: boolean): Verdict {
  if (agrees) return "agrees";
  return disagrees ? "disagrees" : "undecided";
}

/** A number as it is written in a sentence: three significant digits. */
export function written(value: number): string {
  if (!Number.isFinite(value)) return "unknown";
  return Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** A share as it is written in a sentence. */
export function percent(share: number): string {
  return `${written(100 * share)} %`;
}

/**
 * A mean over seeds with their standard deviation.
 * @example overSeeds([0.1, 0.3]) // "0.2 ± 0.141 (2 seeds)"
 * @example overSeeds([0.1]) // "0.1 (one seed: no spread)"
 */
export function overSeeds(values: readonly number[], write: (value: number) => string = written): string {
  return meanAndSpread(values, write, { none: "unknown (no seed)", one: "one seed", many: "seeds" });
}

/** What is said where there is none, one, or many of what a mean is taken over. */
export interface Units {
  readonly none: string;
  readonly one: string;
  readonly many: string;
}

/** A mean with its spread over some units, as `overSeeds` writes it. */
export function meanAndSpread(
  values: readonly number[],
  write: (value: number) => string,
  { none, one, many }: Units,
): string {
  const count = values.length;
  if (count === 0) return none;
  if (count === 1) return `${write(values[0])} (${one}: no spread)`;
  return `${write(mean(values))} ± ${write(standardDeviation(values))} (${count} ${many})`;
}

/** Where every row of a run is from. */
export interface RunRow {
  readonly seed: number;
  /** Optimiser steps so far, >= 0. */
  readonly step: number;
}

/**
 * The rows that match `facets`, of each seed, in the order of steps.
 * @param columns what is read besides seed and step; of them, those in `key` tell the rows of one moment apart
 * @throws DataError if a column is missing, or if two rows of one seed and step have the same key: then `facets` match
 *   several runs, whose numbers must not be mixed
 */
export function bySeed<Row extends RunRow>(
  table: ColumnTable,
  facets: Facets,
  columns: readonly (keyof Row & string)[],
  key: readonly (keyof Row & string)[] = [],
): Map<number, Row[]> {
  const wanted = ["seed", "step", ...columns];
  const missing = wanted.filter((name) => !table.columnNames().includes(name));
  if (missing.length > 0) {
    throw new DataError(
      `claim: expected columns ${wanted.join(", ")}; the table lacks ${missing.join(", ")}`,
    );
  }
  const rows = where(table, facets).select(...wanted);
  const moments = rows.groupby("seed", "step", ...key).count();
  const twice = where(moments.derive({ single: (row: { count: number }) => row.count === 1 }), {
    single: false,
  });
  if (twice.numRows() > 0) {
    throw new DataError(
      `claim: expected rows of one run of each seed where ${facetsText(facets)}; found several for seed ` +
        `${String(twice.get("seed", 0))} at step ${String(twice.get("step", 0))}`,
    );
  }
  if (rows.numRows() === 0) return new Map();
  return rows.orderby("step").groupby("seed").objects({ grouped: "map" }) as unknown as Map<number, Row[]>;
}

/** The rows of the first moment; `rows` as `bySeed` gives them, of one seed. */
export function firstRows<Row extends RunRow>(rows: readonly Row[]): Row[] {
  return rows.filter(({ step }) => step === rows[0].step);
}

/** The rows of the last moment. */
export function lastRows<Row extends RunRow>(rows: readonly Row[]): Row[] {
  return rows.filter(({ step }) => step === rows[rows.length - 1].step);
}
