import type { ColumnTable } from "arquero";
import { type Facets, where } from "../core/facets.js";

/** What the rows of every table have in common. */
export interface Origin {
  readonly seed: number;
  readonly step: number;
}

/** The rows of a table that have some values. */
export function rowsOf<Row extends Origin>(table: ColumnTable, facets: Facets): Row[] {
  return where(table, facets).objects() as Row[];
}

/** Rows by the value of a column, groups in the order of first appearance. */
export function groupBy<Row, Name extends keyof Row>(
  rows: readonly Row[],
  name: Name,
): Map<Row[Name], Row[]> {
  const groups = new Map<Row[Name], Row[]>();
  for (const row of rows) groups.set(row[name], [...(groups.get(row[name]) ?? []), row]);
  return groups;
}

export type Verdict = "agrees" | "disagrees" | "undecided";

/** A sentence of the paper checked against a table. */
export interface Claim {
  readonly figure: number;
  /** What is claimed, and of which experiment. */
  readonly statement: string;
  /** What was measured, by name. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly verdict: Verdict;
  /** The measured numbers and the thresholds of the verdict in words. */
  readonly detail: string;
}

/** Agrees or disagrees where a condition holds, undecided where neither does or a number is missing (NaN). */
export function verdictOf(agrees: boolean, disagrees: boolean): Verdict {
  if (agrees) return "agrees";
  return disagrees ? "disagrees" : "undecided";
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The rows of each seed's first moment. */
export function firstRows<Row extends Origin>(rows: readonly Row[]): Row[] {
  return atStep(rows, (steps) => Math.min(...steps));
}

/** The rows of each seed's last moment. */
export function lastRows<Row extends Origin>(rows: readonly Row[]): Row[] {
  return atStep(rows, (steps) => Math.max(...steps));
}

function atStep<Row extends Origin>(rows: readonly Row[], choose: (steps: number[]) => number): Row[] {
  return [...groupBy(rows, "seed").values()].flatMap((own) => {
    const step = choose([...new Set(own.map((row) => row.step))]);
    return own.filter((row) => row.step === step);
  });
}

/**
 * Spearman's rank correlation: Pearson's correlation of the ranks, ties sharing their mean rank.
 * @returns a number in [-1, 1]; NaN for fewer than 3 pairs or where one side is constant
 */
export function rankCorrelation(x: readonly number[], y: readonly number[]): number {
  if (x.length < 3) return NaN;
  const [a, b] = [ranked(x), ranked(y)];
  const middle = (x.length + 1) / 2;
  const product = (p: readonly number[], q: readonly number[]): number =>
    p.reduce((sum, value, i) => sum + (value - middle) * (q[i] - middle), 0);
  return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
}

function ranked(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((i, j) => values[i] - values[j]);
  const ranks = new Array<number>(values.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    while (end < order.length && values[order[end]] === values[order[start]]) end++;
    for (let i = start; i < end; i++) ranks[order[i]] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/** A number as it is written in a detail: three significant digits. */
export function written(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : "unknown";
}
