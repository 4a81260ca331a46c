import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { largest, smallest } from "../core/extent.js";
import { requireColumns } from "../core/facets.js";
import type { PanelAxis, Ticks } from "./panel.js";

/**
 * What the horizontal axis counts, and how it is scaled. A logarithmic axis begins at the first moment after 0. On one of
 * places (0, 1, 2, ...) rows with equal `place` stand together, evenly spaced, and `ticks` says what the places are.
 */
export interface TimeAxis {
  readonly unit: "epoch" | "step" | "place";
  readonly scale: "linear" | "log";
  readonly ticks?: Ticks;
}

/** The axis of every figure of the paper. */
export const linearEpochs: TimeAxis = { unit: "epoch", scale: "linear" };

/** A quantity at one moment, over seeds. */
export interface MeanOverSeeds {
  readonly time: number;
  readonly mean: number;
  /** Sample standard deviation (n - 1); 0 for one seed. */
  readonly std: number;
  readonly smallest: number;
}

/** Moments that a panel draws at most; of more, evenly chosen ones, the first and the last among them. */
export const momentsDrawn = 200;

/**
 * Mean and spread of a column over seeds at every step, in order of time, for each value of another column ("matrix",
 * "rank"). A seed that diverged (a value that is not finite, or missing) leaves a gap: no mean of the others takes its
 * place. Steps that not every seed reached show the seeds that did.
 * @param table with columns step, the axis's unit, `by` and `column`
 */
export function moments(
  table: ColumnTable,
  by: string,
  column: string,
  axis: TimeAxis,
): Map<string | number, MeanOverSeeds[]> {
  const moment = axis.unit === "place" ? "place" : "step";
  requireColumns(table, [moment, axis.unit, by, column]);
  const after0 = (row: Record<string, number>): boolean => row[axis.unit] > 0;
  const shown = axis.scale === "log" ? table.filter(aq.escape(after0)) : table;
  const { any, count, mean, min, stdev, valid } = aq.op;
  const columns = {
    time: any(axis.unit),
    mean: mean(column),
    std: stdev(column),
    smallest: min(column),
    known: valid(column),
    seeds: count(),
  };
  const lines = shown.groupby(by, moment).rollup(columns).orderby("time").groupby(by);
  const grouped: unknown = lines.objects({ grouped: true });
  const entries = [...(grouped as Map<string | number, Summary[]>)];
  return new Map(entries.map(([key, line]) => [key, line.map(momentOf)]));
}

interface Summary extends Omit<MeanOverSeeds, "std"> {
  /** None of a single value. */
  readonly std?: number;
  /** Values that are numbers, and all. */
  readonly known: number;
  readonly seeds: number;
}

function momentOf({ time, mean, std = 0, smallest, known, seeds }: Summary): MeanOverSeeds {
  return known < seeds ? { time, mean: NaN, std: NaN, smallest: NaN } : { time, mean, std, smallest };
}

/** The horizontal axis of a panel that shows these times. */
export function timeAxis(times: readonly number[], axis: TimeAxis): PanelAxis {
  return { type: axis.scale, range: timeRange(times, axis), ...(axis.ticks && { ticks: axis.ticks }) };
}

/** The range of a time axis in Plotly's terms (exponents on a logarithmic one); half a place more on both sides of places. */
function timeRange(times: readonly number[], axis: TimeAxis): [number, number] {
  const shown = axis.scale === "log" ? times.filter((time) => time > 0) : times;
  const ends: [number, number] = [smallest(shown), largest(shown)];
  if (shown.length === 0) return [0, 1];
  if (axis.unit === "place") return [ends[0] - 0.5, ends[1] + 0.5];
  if (ends[0] === ends[1]) ends[1] = ends[0] + 1;
  return axis.scale === "log" ? [Math.log10(ends[0]), Math.log10(ends[1])] : ends;
}
