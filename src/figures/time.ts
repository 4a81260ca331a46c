import { groupBy, type Origin } from "./tables.js";

/** What the horizontal axis counts, and how it is scaled. A logarithmic axis begins at the first moment after 0. */
export interface TimeAxis {
  readonly unit: "epoch" | "step";
  readonly scale: "linear" | "log";
}

export const linearEpochs: TimeAxis = { unit: "epoch", scale: "linear" };

/** The title of a time axis; it says so where the initialisation cannot be shown. */
export function timeTitle({ unit, scale }: TimeAxis): string {
  return scale === "log" ? `${unit} (from the first after 0)` : unit;
}

/** A quantity at one moment, over seeds. */
export interface Moment {
  readonly time: number;
  readonly mean: number;
  /** Sample standard deviation (n - 1); 0 for one seed. */
  readonly std: number;
  readonly smallest: number;
}

/** Moments that a panel draws at most; of more, evenly chosen ones, the first and the last among them. */
export const momentsDrawn = 200;

/**
 * Mean and spread over seeds at every step, in order of time. A run that diverged (non-finite values) leaves gaps.
 * Steps that not every seed reached show the seeds that did.
 */
export function moments<Row extends Origin>(
  rows: readonly Row[],
  value: (row: Row) => number,
  axis: TimeAxis,
): Moment[] {
  const result: Moment[] = [];
  for (const group of groupBy(rows, "step").values()) {
    const time = group[0][axis.unit];
    if (axis.scale === "log" && time <= 0) continue;
    const values = group.map(value);
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    const squares = values.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    const std = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
    result.push({ time, mean, std, smallest: Math.min(...values) });
  }
  return result.sort((a, b) => a.time - b.time);
}

/** At most `limit` elements, evenly chosen, the first and the last among them. */
export function thinned<Element>(elements: readonly Element[], limit = momentsDrawn): readonly Element[] {
  if (elements.length <= limit) return elements;
  const step = (elements.length - 1) / (limit - 1);
  return Array.from({ length: limit }, (_, i) => elements[Math.round(i * step)]);
}

/** The range of a time axis in Plotly's terms (exponents on a logarithmic one). */
export function timeRange(times: readonly number[], axis: TimeAxis): [number, number] {
  const shown = axis.scale === "log" ? times.filter((time) => time > 0) : times;
  const ends: [number, number] = [Math.min(...shown), Math.max(...shown)];
  if (shown.length === 0) return [0, 1];
  if (ends[0] === ends[1]) ends[1] = ends[0] + 1;
  return axis.scale === "log" ? [Math.log10(ends[0]), Math.log10(ends[1])] : ends;
}
