import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { CheckpointSpectra } from "../analysis/checkpoint-spectra.js";
import { DataError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import { groupBy } from "../core/group-by.js";
import { spectraDrawn } from "../figures/checkpoints.js";
import { drawGrid } from "../figures/grid.js";
import { type Panel, shortName } from "../figures/panels.js";
import { type Figure, rounded } from "../figures/plotly.js";
import { ink, palette, translucent } from "../figures/theme.js";
import { eigenvaluesOf, marchenkoPasturDensity, noiseLimit } from "../linalg/marchenko-pastur.js";
import type { Drawn } from "./figure.js";

/** A matrix at a step, beside noise of its shape and variance. All but counts are eigenvalues s_i^2 / N, N the longer side. */
interface NoiseRow {
  /** Null where there is one checkpoint alone. */
  readonly step: number | null;
  readonly matrix: string;
  /** Place in the model, from 0. */
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
  readonly variance: number;
  readonly largest: number;
  /** Where an infinite matrix of the noise ends, and how many eigenvalues are above. */
  readonly edge: number;
  readonly above: number;
  /** What the largest eigenvalue of noise exceeds once in a hundred matrices of this shape, and whether this one does. */
  readonly limit: number;
  readonly standsOut: boolean;
}

/**
 * The spectra of a checkpoint beside noise: a histogram of the singular values of some matrices, and the Marchenko-Pastur law of
 * noise with the same shape and variance; of several steps the first and the last. Tables: `noise`, a row per matrix and step; `counts`,
 * a row per step: matrices, standsOut (how many have a singular value that noise exceeds once in a hundred), byChance.
 * @throws DataError without spectra
 * @example await present(drawNoise(await spectraOf("model.safetensors")));
 */
export function drawNoise({ ranks, spectra }: Pick<CheckpointSpectra, "ranks" | "spectra">): Drawn {
  const values = valuesOf(spectra);
  const rows = (ranks.objects() as RankRow[]).flatMap((row) => noiseOf(row, values.get(keyOf(row))) ?? []);
  const drawn = spectraDrawn([...new Set(spectra.array("matrix") as string[])]);
  if (rows.length === 0 || drawn.length === 0)
    throw new DataError("spectra and noise: expected matrices with a spectrum, found none");
  const noise = aq.from(rows);
  const counts = noise
    .groupby("step")
    .rollup({ matrices: aq.op.count(), standsOut: aq.op.sum("standsOut") })
    .derive({ byChance: (row: { matrices: number }) => row.matrices / 100 });
  return {
    name: "noise",
    figure: plotNoise(rows, values, drawn),
    tables: { noise, counts },
    claims: [],
  };
}

interface RankRow {
  readonly step: number | null;
  readonly matrix: string;
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
  readonly mpVariance: number;
  readonly mpEdge: number;
  readonly mpAbove: number;
}

const keyOf = ({ step, matrix }: Pick<NoiseRow, "step" | "matrix">): string => JSON.stringify([step, matrix]);

/** Singular values of each matrix at each step, falling. */
function valuesOf(spectra: ColumnTable): ReadonlyMap<string, readonly number[]> {
  type Row = Pick<NoiseRow, "step" | "matrix"> & { readonly value: number };
  const groups = groupBy(spectra.objects() as Row[], keyOf);
  return new Map([...groups].map(([key, rows]) => [key, rows.map(({ value }) => value)]));
}

/** Undefined of a zero matrix, a single number, and what has no singular values in the table. */
function noiseOf(
  { mpVariance, mpEdge, mpAbove, ...row }: RankRow,
  values: readonly number[] = [],
): NoiseRow | undefined {
  const { step, matrix, depth, rows, columns } = row;
  if (Number.isNaN(mpVariance) || rows * columns < 2 || values.length === 0) return undefined;
  const eigenvalues = eigenvaluesOf(values, rows, columns);
  const limit = noiseLimit(eigenvalues, rows, columns);
  return {
    ...{ step, matrix, depth, rows, columns, variance: mpVariance },
    ...{ largest: eigenvalues[0], edge: mpEdge, above: mpAbove, limit, standsOut: eigenvalues[0] > limit },
  };
}

/** Rows: the first and the last step; columns: matrices. */
function plotNoise(
  rows: readonly NoiseRow[],
  values: ReadonlyMap<string, readonly number[]>,
  drawn: readonly string[],
): Figure {
  const steps = [...new Set(rows.map(({ step }) => step))].sort((a, b) => Number(a) - Number(b));
  const shown = steps.length > 1 ? [steps[0], steps[steps.length - 1]] : steps;
  const all = new Set(rows.map(({ matrix }) => matrix)).size;
  return drawGrid({
    description: `Singular values of ${drawn.join(", ")} beside noise of the same shape and variance`,
    panels: shown.map((step) =>
      drawn.map((matrix) => {
        const row = rows.find((one) => one.step === step && one.matrix === matrix);
        return row && row.edge > 0 ? noisePanel(row, values.get(keyOf(row))!) : undefined;
      }),
    ),
    columnTitles: drawn.map(shortName),
    rowTitles: shown.flatMap((step) => (step === null ? [] : [`step ${step}`])),
    keys: "rows",
    link: "none",
    xTitle: "singular value, in units of the noise's largest",
    notes: [
      `Bars: density of the singular values; line: noise of the same shape and variance (Marchenko and Pastur), which ends at 1. Beyond ${BEYOND} all are drawn in one bar.`,
      ...(drawn.length < all ? [`${drawn.length} of ${all} matrices.`] : []),
    ],
  });
}

/** Bars within the bulk, whose width the others have, and the least of it; where the axis ends, in units of the edge. */
const [BARS, NARROWEST, BEYOND] = [16, 0.01, 4];
/** Points of the law's line. */
const POINTS = 100;

/** Singular values over the noise's largest, sqrt(N edge): a value x of theirs is the eigenvalue x^2 edge. */
function noisePanel({ rows, columns, variance, edge, above }: NoiseRow, values: readonly number[]): Panel {
  const ratio = Math.min(rows, columns) / Math.max(rows, columns);
  const unit = Math.sqrt(edge * Math.max(rows, columns));
  const scaled = values.map((value) => Math.min(value / unit, BEYOND));
  const root = Math.sqrt(ratio);
  const width = Math.max(NARROWEST, (1 - (1 - root) / (1 + root)) / BARS);
  const bins = Array.from({ length: Math.floor(Math.max(1, largest(scaled)) / width) + 1 }, () => 0);
  for (const value of scaled) bins[Math.floor(value / width)] += 1 / (values.length * width);
  const at = Array.from({ length: POINTS + 1 }, (_, i) => i / POINTS);
  const density = (x: number): number =>
    2 * x * edge * marchenkoPasturDensity(x ** 2 * edge, ratio, variance);
  return {
    traces: [
      {
        type: "bar",
        name: "singular values",
        x: bins.map((_, i) => rounded((i + 0.5) * width)),
        y: bins.map((height) => rounded(height)),
        width,
        marker: { color: translucent(palette[0], 0.55) },
        showlegend: false,
      },
      {
        type: "scatter",
        mode: "lines",
        name: "noise",
        x: at,
        y: at.map((x) => rounded(density(x))),
        line: { color: ink.text, width: 1.4 },
        showlegend: false,
      },
    ],
    title: `${above} of ${values.length} above noise`,
    x: { type: "linear", range: [0, bins.length * width] },
    y: { type: "linear" },
    grid: true,
  };
}
