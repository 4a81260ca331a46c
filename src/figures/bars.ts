import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { BarData } from "plotly.js";
import { requireColumns } from "../core/facets.js";
import { numberTicks, shortName } from "./heatmaps.js";
import { type Markup, markup } from "./markup.js";
import type { Panel, PanelAxis } from "./panel.js";
import { rounded } from "./plotly.js";

/**
 * A bar per matrix, the first of the network at the left: the mean over runs, and a whisker of one sample standard deviation on
 * either side. A matrix of which one run has no number has no bar.
 * @param table columns matrix, depth and `measure`
 * @returns undefined where there are no rows
 */
export function layerBars(
  table: ColumnTable,
  measure: string,
  color: string,
  y: PanelAxis,
): Panel | undefined {
  requireColumns(table, ["matrix", "depth", measure]);
  if (table.numRows() === 0) return undefined;
  const { count, mean, stdev, valid } = aq.op;
  const bars = table
    .groupby("matrix", "depth")
    .rollup({ mean: mean(measure), std: stdev(measure), known: valid(measure), runs: count() })
    .orderby("depth")
    .objects() as Bar[];
  const whole = ({ known, runs }: Bar): boolean => known === runs;
  const places = bars.map((_, i) => i + 1);
  const trace: Partial<BarData> & { hover: Markup } = {
    type: "bar",
    name: measure,
    x: places,
    y: bars.map((bar) => (whole(bar) ? rounded(bar.mean) : null)) as BarData["y"],
    error_y: {
      type: "data",
      array: bars.map((bar) => (whole(bar) ? (rounded(bar.std ?? 0) ?? 0) : 0)),
      thickness: 0.8,
      width: 2,
    },
    text: bars.map(({ matrix }) => shortName(matrix)),
    textposition: "none",
    marker: { color },
    showlegend: false,
    hover: markup`%{text}: %{y:.3f}<extra></extra>`,
  };
  const { at, text } = numberTicks(bars.length);
  return {
    traces: [trace],
    x: {
      type: "linear",
      title: "depth",
      range: [0.4, bars.length + 0.6],
      ticks: { at: at.map((position) => position + 1), text },
    },
    y,
    grid: true,
  };
}

interface Bar {
  readonly matrix: string;
  readonly mean: number;
  /** None of a single value. */
  readonly std?: number;
  /** Values that are numbers, and all. */
  readonly known: number;
  readonly runs: number;
}
