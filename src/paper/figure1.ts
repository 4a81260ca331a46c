import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { Shape } from "plotly.js";
import { type FacetedRun, spectrumTable } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import { where } from "../core/facets.js";
import { thin } from "../core/thin.js";
import { drawGrid } from "../figures/grid.js";
import { type Markup, markup } from "../figures/markup.js";
import { type Panel, shortName, singularValues } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { type FigureExperiment, experimentsIn, nameOrMiddle, seedsNote } from "../figures/selection.js";
import { colorAt, ink, rankScale, textSize } from "../figures/theme.js";
import { transformer } from "../tasks/index.js";
import { largeValuesGrow } from "./claims/figure1.js";
import { dataNotes, experimentsOf } from "./experiments.js";
import { type Drawn, expectRuns, type PaperFigure } from "./figure.js";
import { shownOf } from "./shown.js";

export const figure1: PaperFigure = {
  number: 1,
  title: "Singular values of a Transformer matrix",
  tasks: [transformer],
  settings: [],
  draw: drawFigure1,
};

/**
 * Figure 1 from runs of one experiment, the Transformer in the paper: the schematic, and the singular values of one
 * matrix (W_1 of block 8) over training. Of runs of several experiments the first one's are drawn.
 * @throws DataError without runs
 */
export function drawFigure1(runs: readonly FacetedRun[]): Drawn {
  expectRuns("Figure 1", runs);
  const [experiment] = experimentsOf(runs);
  const { matrix, notes } = shownOf(experiment.runs[0].run);
  const spectra = spectrumTable(experiment.runs, { only: (name) => name === matrix, maxSteps: 200 });
  const stands = notes.matrix ? [`${notes.matrix}.`] : [];
  return {
    name: "figure1",
    figure: plotFigure1(
      { spectra },
      { experiment, matrix, notes: [...dataNotes(experiment.runs), ...stands] },
    ),
    tables: { spectra },
    claims: [largeValuesGrow(spectra, experiment.where, matrix)],
  };
}

/**
 * Figure 1: on the left what is measured, drawn: a weight matrix is a sum of input directions times singular values
 * times output directions, and training moves the singular values (the bars are the table's own, at the start, the
 * middle and the end). On the right the singular values of that matrix over time, a line per rank.
 * @param tables.spectra as `spectrumTable` has them
 * @param options.experiment default the first of the table
 * @param options.matrix default the middle one of that experiment
 * @throws DataError if the table has no rows for it
 */
export function plotFigure1(
  tables: { readonly spectra: ColumnTable },
  options: { experiment?: FigureExperiment; matrix?: string; notes?: readonly string[] } = {},
): Figure {
  const { experiment = experimentsIn(tables.spectra)[0] } = options;
  if (!experiment) throw new DataError("Figure 1: expected singular values of an experiment, found none");
  const own = where(tables.spectra, experiment.where);
  const matrix = nameOrMiddle(options.matrix, own, "matrix");
  const rows = where(own, { matrix });
  const lines = singularValues(rows, { type: "linear", title: "singular value" });
  if (!lines) {
    const of = `${matrix || "any matrix"} of ${experiment.title}`;
    throw new DataError(`Figure 1: expected singular values of ${of}, found none`);
  }
  return drawGrid({
    description: `Figure 1: what the spectral dynamics of weights are, and the singular values of ${matrix} over training`,
    panels: [
      [
        { ...schematic(rows), title: "the singular value decomposition of a weight matrix" },
        { ...lines, title: `singular values of ${shortName(matrix)} during training` },
      ],
    ],
    columnWidths: [1.15, 1],
    panelHeight: 300,
    keys: "rows",
    link: "columns",
    xTitle: "epoch",
    notes: [seedsNote(rows, [experiment], false), ...(options.notes ?? [])],
  });
}

type Box = readonly [x: number, y: number, width: number, height: number];

const directions = 6;
const bars = 14;

/** The drawing, in coordinates 0..100 to the right and 0..70 upwards. */
function schematic(rows: ColumnTable): Panel {
  const shapes: Partial<Shape>[] = [];
  const texts: NonNullable<Panel["drawing"]>["texts"][number][] = [];
  const box = ([x, y, width, height]: Box, fillcolor: string, line: string = ink.paper): void => {
    shapes.push({
      type: "rect",
      x0: x,
      y0: y,
      x1: x + width,
      y1: y + height,
      fillcolor,
      line: { color: line, width: 0.8 },
    });
  };
  const write = (
    text: string | Markup,
    x: number,
    y: number,
    size: number = textSize.labels,
    color: string = ink.text,
  ): void => {
    texts.push({ text, x, y, xanchor: "center", yanchor: "middle", font: { size, color } });
  };
  const colors = Array.from({ length: directions }, (_, i) => colorAt(rankScale, i / (directions - 1)));
  decomposition(box, write, colors);
  threeSpectra(rows, box, write);
  return {
    traces: [],
    x: { type: "linear", range: [0, 100] },
    y: { type: "linear", range: [0, 70] },
    grid: false,
    drawing: { shapes, texts },
  };
}

type DrawBox = (box: Box, fill: string, line?: string) => void;
type Write = (text: string | Markup, x: number, y: number, size?: number, color?: string) => void;

/** W = U S V^T: output directions (columns), strengths (diagonal) and input directions (rows), coloured by rank. */
function decomposition(box: DrawBox, write: Write, colors: readonly string[]): void {
  const [bottom, tall] = [42, 22];
  const cell = 2.6;
  box([2, bottom, 17, tall], "#dfe5ec", ink.axis);
  write(markup`<b>W</b>`, 10.5, bottom + tall / 2, 15);
  write("=", 24.5, bottom + tall / 2, 16);
  colors.forEach((color, i) => {
    box([30 + i * cell, bottom, cell, tall], color);
    box([52 + i * cell, bottom + tall - (i + 1) * cell - 3, cell, cell], color);
    box([74, bottom + tall - (i + 1) * cell - 3, 17, cell], color);
  });
  write("weights", 10.5, bottom - 4, textSize.labels, ink.muted);
  write(markup`<b>U</b> output directions`, 38, bottom - 4, textSize.labels, ink.muted);
  write(markup`<b>S</b> strengths`, 60, bottom - 4, textSize.labels, ink.muted);
  write(markup`<b>V<sup>T</sup></b> input directions`, 82.5, bottom - 4, textSize.labels, ink.muted);
}

/** Singular values of evenly chosen ranks at the start, the middle and the end, on one scale. */
function threeSpectra(rows: ColumnTable, box: DrawBox, write: Write): void {
  const rising = (name: string): number[] => rows.dedupe(name).orderby(name).array(name) as number[];
  const steps = rising("step");
  const shown = [steps[0], steps[Math.floor((steps.length - 1) / 2)], steps[steps.length - 1]];
  const ranks = thin(rising("rank"), bars);
  const last = ranks[ranks.length - 1];
  const drawn = rows.filter(aq.escape((row: { rank: number }) => ranks.includes(row.rank)));
  const highest = largest(drawn.array("value") as number[]);
  const [bottom, tall, wide] = [8, 20, 24];
  write(
    "its singular values, from rank 1 to the last, while it learns",
    46.5,
    bottom + tall + 4,
    textSize.labels,
    ink.muted,
  );
  shown.forEach((step, i) => {
    const left = 2 + i * 33;
    const now = where(drawn, { step });
    const width = wide / ranks.length;
    const means = now
      .groupby("rank")
      .rollup({ mean: aq.op.mean("value") })
      .orderby("rank")
      .array("mean");
    ranks.forEach((rank, position) => {
      const color = colorAt(rankScale, last > 1 ? (rank - 1) / (last - 1) : 0);
      box([left + position * width, bottom, width, (tall * Number(means[position])) / highest], color);
    });
    box([left, bottom - 0.15, wide, 0.15], ink.axis, ink.axis);
    const moment = Number(Number(now.get("epoch", 0)).toPrecision(3)).toLocaleString("en-US");
    write(`epoch ${moment}`, left + wide / 2, bottom - 4, textSize.labels, ink.muted);
    if (i < 2) write("›", left + wide + 4.5, bottom + tall / 3, 26, ink.muted);
  });
}
