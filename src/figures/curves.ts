import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { ScatterData } from "plotly.js";
import { largest, smallest } from "../core/extent.js";
import { where } from "../core/facets.js";
import { thin } from "../core/thin.js";
import { type Markup, markup } from "./markup.js";
import type { ColorKey, Panel, PanelAxis, PanelTrace, Ticks } from "./panel.js";
import { rounded } from "./plotly.js";
import { colorAt, rankScale, translucent } from "./theme.js";
import { linearEpochs, type MeanOverSeeds, moments, momentsDrawn, timeAxis, type TimeAxis } from "./time.js";

/** One line of a loss panel: which rows it draws, its name and colour. */
export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly split: string;
  readonly metric: string;
  /** Default "full". */
  readonly variant?: string;
}

/**
 * Curves of metrics over time: the mean over seeds and a band of one standard deviation on either side. On a
 * logarithmic axis the band ends at the smallest seed where mean - std would be lower than that.
 *
 * @example
 *     const curve = { name: "train", color: roles.train, split: "train", metric: "loss" };
 *     lossCurves(where(metricsTable(runs), { task: "vgg" }), [curve], { type: "log" })
 *
 * @param metrics rows of one experiment, as `metricsTable` has them
 * @returns undefined where no row matches any curve
 */
export function lossCurves(
  metrics: ColumnTable,
  curves: readonly Curve[],
  y: PanelAxis,
  time = linearEpochs,
): Panel | undefined {
  const lines = curves.map(({ name, color, split, metric, variant = "full" }) => {
    return { name, color, rows: where(metrics, { split, metric, variant }) };
  });
  return meanCurves(lines, "value", y, time);
}

/** One line of a panel of means: its rows, its name and colour. */
export interface MeanCurve {
  readonly name: string;
  readonly color: string;
  readonly rows: ColumnTable;
}

/**
 * Means of a column over time, with bands of one standard deviation, as `lossCurves` draws them; over whatever the rows of one
 * moment differ in.
 * @param lines tables with the time's column, `step` and `column`
 * @returns undefined where there are no rows
 */
export function meanCurves(
  lines: readonly MeanCurve[],
  column: string,
  y: PanelAxis,
  time: TimeAxis = linearEpochs,
): Panel | undefined {
  const traces: PanelTrace[] = [];
  const times: number[] = [];
  const values: number[] = [];
  for (const { name, color, rows } of lines) {
    const one = rows.derive({ line: () => 0 });
    const line = thin(moments(one, "line", column, time).get(0) ?? [], momentsDrawn);
    if (line.length === 0) continue;
    for (const moment of line) {
      times.push(moment.time);
      values.push(moment.mean);
    }
    if (line.some((moment) => moment.std > 0)) traces.push(band(line, name, color, y.type));
    const drawn = curve(line, name, color);
    traces.push(time.unit === "place" ? { ...drawn, mode: "lines+markers" } : drawn);
  }
  if (traces.length === 0) return undefined;
  const ticks = y.type === "log" ? { ticks: logTicks(values) } : {};
  return {
    traces,
    x: timeAxis(times, time),
    y: { ...y, ...ticks },
    grid: true,
  };
}

/** Ticks of a logarithmic axis, every label in full: powers of ten; 2 and 5 times them within two decades; 1 to 9 times
 * them where fewer than two of these lie among the values. */
export function logTicks(values: readonly number[]): Ticks {
  const positive = values.filter((value) => value > 0);
  const [low, high] = [smallest(positive), largest(positive)];
  const decades = Math.max(0, Math.ceil(Math.log10(high)) - Math.floor(Math.log10(low)) + 1);
  const powers = Array.from({ length: decades }, (_, i) => Math.floor(Math.log10(low)) + i);
  const times = (factors: readonly number[]): number[] =>
    powers.flatMap((power) => factors.map((factor) => Number(`${factor}e${power}`)));
  const coarse = times(high / low > 100 ? [1] : [1, 2, 5]);
  const inside = coarse.filter((tick) => tick >= low && tick <= high).length;
  const at = inside < 2 ? times([1, 2, 3, 4, 5, 6, 7, 8, 9]) : coarse;
  return {
    at,
    text: at.map((value) => (value >= 1e-4 && value < 1e4 ? String(value) : value.toExponential(0))),
  };
}

/** Lines drawn at most by `singularValues`. */
const linesDrawn = 48;

/**
 * Singular values of one matrix over time, a line per rank, the mean over seeds, coloured by rank. Of more than 48
 * ranks the first 16 and 32 evenly spaced of the others, the last among them, are drawn.
 *
 * @example
 *     const matrix = "fc.weight";
 *     const spectra = spectrumTable(runs, { only: (name) => name === matrix, maxSteps: 200 });
 *     singularValues(where(spectra, { task: "vgg", matrix }))
 *
 * @param spectra rows of one matrix of one experiment, as `spectrumTable` has them
 * @returns undefined where there are none
 */
export function singularValues(
  spectra: ColumnTable,
  y: PanelAxis = { type: "linear" },
  time = linearEpochs,
): Panel | undefined {
  if (spectra.numRows() === 0) return undefined;
  const last = largest(spectra.dedupe("rank").array("rank") as number[]);
  const drawn = new Set(ranksDrawn(last));
  const rows = spectra.filter(aq.escape((row: { rank: number }) => drawn.has(row.rank)));
  const byRank = [...(moments(rows, "rank", "value", time) as Map<number, MeanOverSeeds[]>)];
  const times: number[] = [];
  const traces = byRank
    .sort(([a], [b]) => b - a) // the largest is drawn last, on top
    .map(([rank, values]): PanelTrace => {
      const line = thin(values, momentsDrawn);
      for (const moment of line) times.push(moment.time);
      const color = colorAt(rankScale, last > 1 ? (rank - 1) / (last - 1) : 0);
      return { ...curve(line, `rank ${rank}`, color, rank <= 3 ? 1.4 : 0.9), showlegend: false };
    });
  const ticks = { at: [1, last], text: ["1", String(last)] };
  const key: ColorKey = { title: "rank", scale: rankScale, range: [1, Math.max(2, last)], ticks };
  return { traces, x: timeAxis(times, time), y, key, grid: true };
}

/** The ranks that `singularValues` draws of a matrix with `last` of them. */
export function ranksDrawn(last: number): number[] {
  if (last <= linesDrawn) return Array.from({ length: last }, (_, i) => i + 1);
  const head = linesDrawn / 3;
  const rest = linesDrawn - head;
  return Array.from({ length: linesDrawn }, (_, i) =>
    i < head ? i + 1 : head + Math.round(((i - head + 1) * (last - head)) / rest),
  );
}

type Line = Partial<ScatterData> & { type: "scatter"; hover?: Markup };

function curve(line: readonly MeanOverSeeds[], name: string, color: string, width = 1.5): Line {
  return {
    type: "scatter",
    mode: "lines",
    name,
    x: line.map((moment) => rounded(moment.time)),
    y: line.map((moment) => rounded(moment.mean)),
    line: { color, width, simplify: false },
    hover: markup`${name}: %{y:.4g} at %{x}<extra></extra>`,
  };
}

function band(line: readonly MeanOverSeeds[], name: string, color: string, type: PanelAxis["type"]): Line {
  const lower = (moment: MeanOverSeeds): number => {
    const edge = moment.mean - moment.std;
    return type === "log" ? Math.max(edge, moment.smallest) : edge;
  };
  const back = [...line].reverse();
  return {
    type: "scatter",
    mode: "lines",
    name,
    x: [...line, ...back].map((moment) => rounded(moment.time)),
    y: [
      ...line.map((moment) => rounded(moment.mean + moment.std)),
      ...back.map((moment) => rounded(lower(moment))),
    ],
    fill: "toself",
    fillcolor: translucent(color, 0.18),
    line: { width: 0 },
    hoverinfo: "skip",
    showlegend: false,
  };
}
