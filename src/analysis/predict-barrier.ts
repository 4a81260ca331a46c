import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { ConfigError, DataError } from "../core/errors.js";
import { requireColumns } from "../core/facets.js";
import { randomStream, type Random } from "../core/random.js";
import { partialRankCorrelation, rankCorrelation, rankCorrelationWithin } from "./rank-correlation.js";

/** A pair of networks, as `predictBarrier` reads it. */
interface Pair {
  /** The trunks that the two networks branched from; equal within a trunk. */
  readonly trunks: readonly [string, string];
  /** Pairs of equal trunks, split and edits: told apart only by the order of examples. */
  readonly group: string;
  readonly barrier: number;
  /** By predictor. */
  readonly values: readonly number[];
}

export interface PredictionOptions {
  /**
   * Columns by which the barrier is predicted, the one in question first; default agreement, distance, loss and step, as far
   * as the table has them.
   */
  readonly predictors?: readonly string[];
  /** Barriers below it are told apart no more: what rounding and recomputed statistics make of nothing. Default 0.001. */
  readonly floor?: number;
  /** Resamples of the interval, and permutations; default 1000. */
  readonly draws?: number;
}

/** The predictors of the barrier: agreement, and its rivals. */
export const PREDICTORS = ["agreement", "distance", "loss", "step"] as const;

/** From so many trunks on, the interval is over trunks. */
const TRUNKS = 5;

/**
 * How well the barrier between two networks is predicted by their agreement, and by its rivals: the distance of the weights, the
 * loss of the ends, and the step at which they split. A row per predictor, then "together" (all of them) and "nothing" (the mean of
 * the other trunks).
 *
 * Columns:
 * - predictor; pairs (their number; of pairs with a value that is not finite nothing is used);
 * - correlation: Spearman's with the barrier, over all pairs; low and high: its 95 % interval by bootstrap over independent units; units: how
 *   many; over: "trunks" from five trunks on, a pair across two trunks counting as often as both were drawn; else "splits", groups
 *   of pairs with equal trunks, split and edits, and then the interval is of these trunks only;
 * - within: the rank correlation inside those groups, where no clock runs; withinChance: the share of permutations of the barriers
 *   inside the groups with at least as large a correlation, of either sign (exact in the limit for three branches, whose pairs
 *   permute as the branches do);
 * - agreementGiven: what is left of the correlation of the barrier with the first predictor while this one is held fixed (partial rank correlation);
 * - error: root mean square of log10 of predicted over found barrier, trunk by trunk: a line in the quantiles of the predictor, fitted
 *   to the pairs without the trunk, is judged on the pairs with it; explained: 1 - (error / error of "nothing")^2.
 *
 * Where a number cannot be had (one trunk, a constant predictor) it is NaN.
 * @param pairs columns barrier, trunk1, trunk2, group and the predictors, as `pairsTable` has them
 * @throws DataError for a table without these columns or without pairs; ConfigError for options out of range
 */
export function predictBarrier(
  pairs: ColumnTable,
  {
    predictors = PREDICTORS.filter((name) => pairs.columnNames().includes(name)),
    floor = 1e-3,
    draws = 1000,
  }: PredictionOptions = {},
): ColumnTable {
  if (predictors.length === 0 || !(floor > 0) || !(draws >= 1)) {
    throw new ConfigError(
      `predictBarrier: expected at least one predictor, a floor above 0 and a draw or more, found ` +
        `${predictors.length} predictors, floor ${floor}, ${draws} draws`,
    );
  }
  const read = pairsOf(pairs, predictors);
  const barriers = read.map(({ barrier }) => barrier);
  const logs = barriers.map((barrier) => Math.log10(Math.max(barrier, floor)));
  const units = unitsOf(read);
  const nothing = heldOutError(read, logs, []);
  const valuesOf = (index: number): number[] => read.map(({ values }) => values[index]);
  const explained = (error: number): number => 1 - (error / nothing) ** 2;
  const rows = predictors.map((predictor, index) => {
    const values = valuesOf(index);
    const [low, high] = interval(values, barriers, units, draws, `interval/${predictor}`);
    const error = heldOutError(read, logs, [index]);
    return {
      predictor,
      pairs: read.length,
      correlation: rankCorrelation(values, barriers),
      low,
      high,
      units: units.count,
      over: units.over,
      ...insideGroups(read, index, draws),
      agreementGiven: index === 0 ? NaN : partialRankCorrelation(valuesOf(0), barriers, values),
      error,
      explained: explained(error),
    };
  });
  const together = heldOutError(
    read,
    logs,
    predictors.map((_, i) => i),
  );
  const named = [
    ...rows,
    { predictor: "together", pairs: read.length, error: together, explained: explained(together) },
    { predictor: "nothing", pairs: read.length, error: nothing, explained: 0 },
  ] as readonly Readonly<Record<string, string | number>>[];
  return aq.table(Object.keys(rows[0]).map((name) => [name, named.map((row) => row[name] ?? null)]));
}

function pairsOf(table: ColumnTable, predictors: readonly string[]): Pair[] {
  requireColumns(table, ["barrier", "trunk1", "trunk2", "group", ...predictors]);
  const rows = table.objects() as Readonly<Record<string, string | number | null>>[];
  const number = (value: string | number | null): number => (typeof value === "number" ? value : NaN);
  const pairs = rows.map((row) => ({
    trunks: [String(row.trunk1), String(row.trunk2)] as const,
    group: String(row.group),
    barrier: number(row.barrier),
    values: predictors.map((name) => number(row[name])),
  }));
  const finite = pairs.filter(({ barrier, values }) => [barrier, ...values].every(Number.isFinite));
  if (finite.length > 0) return finite;
  throw new DataError(
    `predictBarrier: expected pairs with a barrier and ${predictors.join(", ")}, found none among ${rows.length} rows`,
  );
}

/** What pairs are resampled by: how often each counts in a resample. */
interface Units {
  readonly over: "trunks" | "splits";
  readonly count: number;
  draw(random: Random): number[];
}

function unitsOf(pairs: readonly Pair[]): Units {
  const trunks = [...new Set(pairs.flatMap((pair) => pair.trunks))];
  const names = trunks.length >= TRUNKS ? trunks : [...new Set(pairs.map(({ group }) => group))];
  const place = new Map(names.map((name, i) => [name, i]));
  const drawn = (random: Random): number[] => {
    const times = new Array<number>(names.length).fill(0);
    for (let i = 0; i < names.length; i++) times[random.integer(names.length)]++;
    return times;
  };
  if (trunks.length < TRUNKS) {
    const of = pairs.map(({ group }) => place.get(group)!);
    return {
      over: "splits",
      count: names.length,
      draw: (random) => {
        const times = drawn(random);
        return of.map((group) => times[group]);
      },
    };
  }
  const of = pairs.map(({ trunks: [a, b] }) => [place.get(a)!, place.get(b)!]);
  return {
    over: "trunks",
    count: names.length,
    draw: (random) => {
      const times = drawn(random);
      return of.map(([a, b]) => (a === b ? times[a] : times[a] * times[b]));
    },
  };
}

/** The middle 95 % of the rank correlation over resamples; NaN where there are fewer than two units. */
function interval(
  values: readonly number[],
  barriers: readonly number[],
  units: Units,
  draws: number,
  stream: string,
): [number, number] {
  if (units.count < 2) return [NaN, NaN];
  const random = randomStream(0, `predict barrier/${stream}`);
  const found: number[] = [];
  for (let draw = 0; draw < draws; draw++) {
    const chosen = units.draw(random).flatMap((times, i) => new Array<number>(times).fill(i));
    const rho = rankCorrelation(
      chosen.map((i) => values[i]),
      chosen.map((i) => barriers[i]),
    );
    if (Number.isFinite(rho)) found.push(rho);
  }
  if (found.length === 0) return [NaN, NaN];
  found.sort((a, b) => a - b);
  const at = (share: number): number => found[Math.round(share * (found.length - 1))];
  return [at(0.025), at(0.975)];
}

function insideGroups(
  pairs: readonly Pair[],
  index: number,
  draws: number,
): { within: number; withinChance: number } {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) groups.set(pair.group, [...(groups.get(pair.group) ?? []), pair]);
  const lists = [...groups.values()].map((own): [number[], number[]] => [
    own.map(({ values }) => values[index]),
    own.map(({ barrier }) => barrier),
  ]);
  const { within, withinChance } = withinGroups(lists, draws);
  return { within, withinChance };
}

/**
 * Rank correlation inside groups of pairs, and how often chance alone gives one as large.
 * @param groups two lists of numbers of each
 * @param draws permutations
 * @returns within, in [-1, 1]; withinChance in (0, 1], the arrangement that was found counted among the permutations; withinSpread, the
 *   standard deviation of the correlation over permutations. All NaN where there is no correlation
 */
export function withinGroups(
  groups: readonly (readonly [readonly number[], readonly number[]])[],
  draws = 1000,
): { within: number; withinChance: number; withinSpread: number } {
  const found = rankCorrelationWithin(groups);
  if (!Number.isFinite(found)) return { within: NaN, withinChance: NaN, withinSpread: NaN };
  const random = randomStream(0, "predict barrier/within");
  let [reached, squares] = [1, 0];
  for (let draw = 0; draw < draws; draw++) {
    const shuffled = groups.map(([x, y]): [readonly number[], number[]] => [
      x,
      Array.from(random.permutation(y.length), (i) => y[i]),
    ]);
    const drawn = rankCorrelationWithin(shuffled);
    squares += drawn ** 2;
    if (Math.abs(drawn) >= Math.abs(found) - 1e-9) reached++;
  }
  return {
    within: found,
    withinChance: reached / (draws + 1),
    withinSpread: Math.sqrt(squares / draws),
  };
}

/** Root mean square error of the predicted logarithm, each trunk's pairs predicted from the pairs without it. */
function heldOutError(
  pairs: readonly Pair[],
  logs: readonly number[],
  predictors: readonly number[],
): number {
  const trunks = [...new Set(pairs.flatMap((pair) => pair.trunks))];
  const indices = pairs.map((_, i) => i);
  const squares = trunks.flatMap((trunk) => {
    const held = indices.filter((i) => pairs[i].trunks.includes(trunk));
    const others = indices.filter((i) => !pairs[i].trunks.includes(trunk));
    if (others.length === 0) return [];
    const scales = predictors.map((index) => others.map((i) => pairs[i].values[index]));
    const features = (i: number): number[] => [
      1,
      ...predictors.map((index, k) => quantile(scales[k], pairs[i].values[index])),
    ];
    const line = fitted(
      others.map(features),
      others.map((i) => logs[i]),
    );
    return held.map((i) => (dot(line, features(i)) - logs[i]) ** 2);
  });
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
}

/** The share of values that are smaller, equal ones by half. */
function quantile(values: readonly number[], value: number): number {
  const below = values.filter((other) => other < value).length;
  const equal = values.filter((other) => other === value).length;
  return (below + equal / 2) / values.length;
}

/** Least squares, with a trace of ridge so that equal or constant columns have a solution. */
function fitted(rows: readonly (readonly number[])[], targets: readonly number[]): number[] {
  const size = rows[0].length;
  const ridge = 1e-6 * rows.length;
  const system = Array.from({ length: size }, (_, j) => [
    ...Array.from({ length: size }, (_, k) => sumOf(rows, (row) => row[j] * row[k]) + (j === k ? ridge : 0)),
    sumOf(rows, (row, i) => row[j] * targets[i]),
  ]);
  for (let pivot = 0; pivot < size; pivot++) {
    for (let j = 0; j < size; j++) {
      if (j === pivot) continue;
      const factor = system[j][pivot] / system[pivot][pivot]; // positive definite: no pivot is 0
      system[j] = system[j].map((value, k) => value - factor * system[pivot][k]);
    }
  }
  return system.map((row, j) => row[size] / row[j]);
}

function sumOf<T>(items: readonly T[], value: (item: T, index: number) => number): number {
  return items.reduce((sum, item, i) => sum + value(item, i), 0);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return sumOf(a, (value, i) => value * b[i]);
}
