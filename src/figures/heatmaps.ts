import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { HeatmapData } from "plotly.js";
import { requireColumns } from "../core/facets.js";
import { largest } from "../core/extent.js";
import { thin } from "../core/thin.js";
import { type Markup, markup } from "./markup.js";
import type { ColorKey, Panel, PanelAxis, Ticks } from "./panel.js";
import { rounded, type Value } from "./plotly.js";
import { effectiveRankScale, overlapScale } from "./theme.js";
import { linearEpochs, type MeanOverSeeds, moments, momentsDrawn, timeAxis, type TimeAxis } from "./time.js";

/**
 * Effective rank as a heat map: a row per matrix (the first of the network on top), a column per moment, the mean over
 * seeds, on a colour scale fixed to [0, 1].
 *
 * @example
 *     rankHeatmap(where(ranksTable(runs), { task: "vgg", setting: null }))
 *
 * @param ranks rows of one experiment, as `ranksTable` has them
 * @returns undefined where there are none
 */
export function rankHeatmap(ranks: ColumnTable, time = linearEpochs): Panel | undefined {
  const key: ColorKey = { title: "effective rank", scale: effectiveRankScale, range: [0, 1] };
  return layersHeatmap(ranks, "matrix", "effectiveRank", time, key);
}

/**
 * Alignment scores as a heat map: a row per pair of layers (the first of the network on top), a column per moment.
 * @param scores rows of one experiment, as `alignmentScoresTable` has them
 * @param highest top of the colour scale, which begins at 0
 * @returns undefined where there are none
 */
export function scoreHeatmap(scores: ColumnTable, highest: number, time = linearEpochs): Panel | undefined {
  const key: ColorKey = { title: "alignment score", scale: overlapScale, range: [0, highest] };
  return layersHeatmap(scores, "contact", "score", time, key);
}

/**
 * Agreement scores as a heat map: a row per matrix (the first of the network on top), a column per moment, on a scale from 0 to 1.
 * @param scores rows of one experiment: matrix, depth, score and the time's columns
 * @returns undefined where there are none
 */
export function agreementHeatmap(scores: ColumnTable, time = linearEpochs): Panel | undefined {
  const key: ColorKey = { title: "agreement score", scale: overlapScale, range: [0, 1] };
  return layersHeatmap(scores, "matrix", "score", time, key);
}

/** Ranks shown of a diagonal (PAPER.md section 1). */
const diagonalLength = 100;

/**
 * The diagonal of an alignment or agreement matrix over time as a heat map: rank 1 on top, at most 100 ranks.
 * @param diagonal rows of one contact (or matrix) of one experiment, as `alignmentTable` has them
 * @param highest top of the colour scale, which begins at 0
 * @param title of the colour scale
 * @returns undefined where there are none
 */
export function diagonalHeatmap(
  diagonal: ColumnTable,
  highest: number,
  time = linearEpochs,
  title = "alignment",
): Panel | undefined {
  const shown = diagonal.filter(aq.escape((row: { rank: number }) => row.rank <= diagonalLength));
  const lines = [...(moments(shown, "rank", "value", time) as Map<number, MeanOverSeeds[]>)].sort(
    ([a], [b]) => a - b,
  );
  const key: ColorKey = { title, scale: overlapScale, range: [0, highest] };
  const named = lines.map(([rank, line]): [string, MeanOverSeeds[]] => [`rank ${rank}`, line]);
  return heatmap(named, time, key, { title: "rank", ticks: numberTicks(lines.length) });
}

/**
 * The leading part of an agreement matrix S_jk (Eqn 5): j downwards, k to the right, the mean over seeds.
 * @param entries of one matrix of one experiment: columns row and column (from 1), value
 * @param highest top of the colour scale, which begins at 0
 * @returns undefined where there are none
 */
export function matrixHeatmap(entries: ColumnTable, highest: number): Panel | undefined {
  if (entries.numRows() === 0) return undefined;
  const means = entries.groupby("row", "column").rollup({
    value: aq.op.mean("value"),
    std: aq.op.stdev("value"),
    valid: aq.op.valid("value"),
    count: aq.op.count(),
  });
  const size = largest([...means.array("row")] as number[]);
  const square = (): Value[][] =>
    Array.from({ length: size }, () => Array.from({ length: size }, () => null));
  const [z, spread] = [square(), square()];
  for (const { row, column, value, std, valid, count } of means.objects() as Record<string, number>[]) {
    z[row - 1][column - 1] = valid < count ? null : rounded(value, 4);
    spread[row - 1][column - 1] = valid < count ? null : rounded(std ?? 0, 3);
  }
  const ranks = Array.from({ length: size }, (_, i) => i + 1);
  const { at, text } = numberTicks(size);
  const ticks = { at: at.map((position) => position + 1), text };
  const key: ColorKey = { title: "agreement", scale: overlapScale, range: [0, highest] };
  const trace: Partial<HeatmapData> & { hover: Markup } = {
    type: "heatmap",
    x: ranks,
    y: ranks,
    z,
    coloraxis: "coloraxis",
    ...spreadOf(markup`ranks %{y} and %{x}:`, markup``, spread),
  };
  return {
    traces: [trace],
    x: { type: "linear", range: [0.5, size + 0.5], ticks, title: "rank" },
    y: { type: "linear", range: [size + 0.5, 0.5], ticks, title: "rank" },
    key,
    grid: false,
  };
}

/** What is said of a cell: its value and, of several seeds, their standard deviation. */
function spreadOf(
  before: Markup,
  after: Markup,
  spread: Value[][],
): { customdata?: Value[][]; hover: Markup } {
  const several = spread.some((line) => line.some((value) => Number(value) > 0));
  if (!several) return { hover: markup`${before} %{z:.3f}${after}<extra></extra>` };
  const hover = markup`${before} %{z:.3f} ± %{customdata:.3f}${after}<extra></extra>`;
  return { customdata: spread, hover };
}

/** The top of a colour scale that begins at 0: the largest value, rounded up to a tenth, at least 0.1. */
export function scaleTop(values: Iterable<unknown>): number {
  let top = 0.1;
  for (const value of values) top = Math.max(top, Number(value) || 0);
  return Math.min(1, Math.ceil(top * 10 - 1e-9) / 10);
}

/** Grey images (0 = black, 1 = white; images[i] has `size` x `size` values, row-major) side by side in one panel. */
export function imageGrid(
  images: readonly ArrayLike<number>[],
  size: number,
  columns: number,
): Panel | undefined {
  if (images.length === 0) return undefined;
  const rows = Math.ceil(images.length / columns);
  const z = Array.from({ length: rows * size }, (_, y) =>
    Array.from({ length: columns * size }, (_, x): Value => {
      const image = images[Math.floor(y / size) * columns + Math.floor(x / size)];
      return image ? rounded(image[(y % size) * size + (x % size)], 3) : null;
    }),
  );
  const trace: Partial<HeatmapData> = { type: "heatmap", z, coloraxis: "coloraxis", hoverinfo: "skip" };
  const key: ColorKey = { title: "", scale: [[0, "#000000"], [1, "#ffffff"]], range: [0, 1] }; // prettier-ignore
  const none = { at: [], text: [] };
  return {
    traces: [trace],
    x: { type: "linear", range: [-0.5, columns * size - 0.5], ticks: none },
    y: { type: "linear", range: [rows * size - 0.5, -0.5], ticks: none },
    key,
    grid: false,
  };
}

/**
 * A measure of every matrix as a heat map: a row per matrix (the first of the network on top), a column per moment.
 * @param table rows of one experiment with columns matrix, depth, step, the time's and the measure's
 * @returns undefined where there are none
 */
export function measureHeatmap(
  table: ColumnTable,
  measure: string,
  key: ColorKey,
  time: TimeAxis,
): Panel | undefined {
  return table.numRows() === 0 ? undefined : layersHeatmap(table, "matrix", measure, time, key);
}

/** A heat map with a row per layer or pair of layers, from the input of the network to its output. */
function layersHeatmap(
  table: ColumnTable,
  subject: "matrix" | "contact",
  measure: string,
  time: TimeAxis,
  key: ColorKey,
): Panel | undefined {
  requireColumns(table, ["depth"]);
  const all = table.dedupe(subject).orderby("depth").array(subject) as string[];
  const places = thin(
    all.map((_, i) => i),
    layersDrawn,
  );
  const names = places.map((place) => all[place]);
  const lines = moments(
    names.length < all.length ? rowsOf(table, subject, names) : table,
    subject,
    measure,
    time,
  );
  return heatmap(
    names.map((name) => [name, lines.get(name) ?? []]),
    time,
    key,
    names.length < all.length ? placeTicks(places, all.length) : layerTicks(names),
  );
}

/** Layers drawn at most, fewer than there are pixels; of more, evenly chosen ones, the first and the last among them. */
const layersDrawn = 400;

function rowsOf(table: ColumnTable, column: string, values: readonly string[]): ColumnTable {
  const wanted = new Set(values);
  return table.filter(aq.escape((row: Record<string, string>) => wanted.has(row[column]))).reify();
}

/** Layers by their number among all, where not all are drawn; the title says so. */
function placeTicks(places: readonly number[], of: number): Pick<PanelAxis, "title" | "ticks"> {
  const at = thin(
    places.map((_, i) => i),
    5,
  );
  const text = at.map((position) => String(places[position] + 1));
  return { title: `depth (${places.length} of ${of})`, ticks: { at, text } };
}

/** @param rows from the top */
function heatmap(
  rows: readonly (readonly [string, readonly MeanOverSeeds[]])[],
  time: TimeAxis,
  key: ColorKey,
  y: Pick<PanelAxis, "title" | "ticks">,
): Panel | undefined {
  if (rows.length === 0) return undefined;
  const lines = rows.map(([, line]) => new Map(line.map((moment) => [moment.time, moment])));
  const all = [...new Set(lines.flatMap((line) => [...line.keys()]))];
  const times = thin(
    all.sort((a, b) => a - b),
    momentsDrawn,
  );
  const spread = lines.map((line) => times.map((t) => rounded(line.get(t)?.std ?? NaN, 3)));
  const trace: Partial<HeatmapData> & { hover: Markup } = {
    type: "heatmap",
    x: times.map((t) => rounded(t)),
    y: rows.map(([name]) => name),
    z: lines.map((line) => times.map((t) => rounded(line.get(t)?.mean ?? NaN, 4))),
    coloraxis: "coloraxis",
    ...spreadOf(markup`%{y}: ${key.title}`, markup` at %{x}`, spread),
  };
  return {
    traces: [trace],
    x: timeAxis(times, time),
    y: { ...y, type: "category", range: [rows.length - 0.5, -0.5] },
    key,
    grid: false,
  };
}

const namesShown = 8;
const longestName = 10;

/** Up to 8 layers with short names by name, others by number. */
function layerTicks(names: readonly string[]): Pick<PanelAxis, "title" | "ticks"> {
  const text = names.map(shortName);
  const fit = text.every((name) => name.length <= longestName);
  if (fit && names.length <= namesShown) return { ticks: { at: names.map((_, i) => i), text } };
  return { title: "depth", ticks: numberTicks(names.length) };
}

/** Ticks of a category axis of numbers from 1. */
export function numberTicks(last: number): Ticks {
  const step = [1, 2, 5, 10, 20, 25, 50].find((size) => last / size < 6) ?? 100;
  const inner = Array.from({ length: Math.floor(last / step) }, (_, i) => (i + 1) * step).filter(
    (n) => n > 1,
  );
  const numbers = [1, ...inner];
  return { at: numbers.map((n) => n - 1), text: numbers.map(String) };
}

/** "transformer_encoder.layers.0.self_attn.in_proj_weight" -> "in_proj", of a later block "layers.8.in_proj"; pairs likewise. */
export function shortName(name: string): string {
  return name
    .split(" -> ")
    .map((part) => part.replace(/^transformer_encoder\.(layers\.0\.)?/, "").replace("self_attn.", ""))
    .map((part) => part.replace(/[._]weight$/, ""))
    .join(" to ");
}
