import type { ColumnTable } from "arquero";
import { type Facets, where } from "../../core/facets.js";
import { groupBy } from "../../core/group-by.js";
import { chanceAlignment } from "../chance.js";
import { meanAndSpread } from "../claim.js";
import { mean } from "../statistics.js";

/** Barriers are compared with what training gained, so that tasks with other losses have the same rule. */
export const BARRIER = {
  /** At most this share of the gain is none: linear mode connectivity, up to rounding and recomputed statistics. */
  none: 0.01,
  /** From this share of the gain on it is high. */
  high: 0.1,
} as const;

/** Agreement scores, over what chance gives, on their scale from 0 to 1. */
export const AGREEMENT = {
  /** At most this is none: half a step of the figure's colours. */
  none: 0.05,
  /** From here on there is some. */
  some: 0.2,
} as const;

/** A pair of networks, as claims read it from `pairsTable`. */
export interface Pair {
  readonly between: string;
  readonly trunk1: string;
  readonly trunk2: string;
  readonly group: string;
  readonly step: number;
  readonly noise: string | null;
  readonly eta: number | null;
  /** As a share of what training gained; NaN if that is not known, or the pair diverged. */
  readonly barrier: number;
  /** NaN if it was not measured. */
  readonly agreement: number;
}

interface PairColumns extends Omit<Pair, "barrier" | "agreement"> {
  readonly barrier: number | null;
  readonly agreement: number | null;
  readonly loss: number | null;
  readonly untrained: number | null;
}

/** The pairs of an experiment. @param facets of the experiment: task and setting */
export function pairsOf(pairs: ColumnTable, facets: Facets): Pair[] {
  const rows = where(pairs, facets).objects() as PairColumns[];
  const gain = mean(
    rows.map(({ untrained, loss }) => (untrained === null || loss === null ? NaN : untrained - loss)),
  );
  return rows.map(({ barrier, agreement, ...pair }) => ({
    ...pair,
    barrier: gain > 0 ? (barrier ?? NaN) / gain : NaN,
    agreement: agreement ?? NaN,
  }));
}

/** Means of a number of the items by another, in rising order of that: [[step, mean barrier], ...]. */
export function meansBy<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => number,
  valueOf: (item: Item) => number,
): readonly (readonly [number, number])[] {
  return [...groupBy(items, keyOf)]
    .map(([key, own]) => [key, mean(own.map(valueOf))] as const)
    .sort(([a], [b]) => a - b);
}

/** A mean over trunks, written with their number. */
export function overTrunks(values: readonly number[], write: (value: number) => string): string {
  return meanAndSpread(values, write, { none: "unknown", one: "one trunk", many: "trunks" });
}

/**
 * The agreement score of independent, uniformly random vectors, mean over the matrices of an experiment.
 * @param scores columns task, setting, matrix, rows, columns
 * @returns NaN where sizes are not known
 */
export function chanceScore(scores: ColumnTable, facets: Facets): number {
  const sizes = where(scores, facets).dedupe("matrix").objects() as {
    readonly rows: number | null;
    readonly columns: number | null;
  }[];
  return mean(
    sizes.map(({ rows, columns }) =>
      rows === null || columns === null ? NaN : chanceAlignment(rows) * chanceAlignment(columns),
    ),
  );
}
