import type { Annotation, Shape } from "plotly.js";
import { DataError } from "../core/errors.js";
import { drawGrid } from "./grid.js";
import { shortName, singularValues, type Panel } from "./panels.js";
import type { Figure } from "./plotly.js";
import { nameOrMiddle, seedsNote } from "./selection.js";
import { distinct, rowsOf, valuesIn, spectrumColumns, type SpectrumRow, type Table } from "./tables.js";
import { colorAt, ink, rankScale, textSize } from "./theme.js";
import { linearEpochs, thinned, timeTitle, type TimeAxis } from "./time.js";

/**
 * Figure 1: on the left what is measured, drawn: a weight matrix is a sum of input directions times singular values
 * times output directions, and training moves the singular values (the bars are the table's own, at the start, the
 * middle and the end). On the right the singular values of that matrix over time, a line per rank.
 * @param options.label the experiment; default the first of the table
 * @param options.matrix default the middle one of that experiment
 * @throws DataError if the table has no rows for it
 */
export function figure1(
  tables: { readonly spectra: Table<SpectrumRow> },
  options: { label?: string; matrix?: string; time?: TimeAxis; notes?: readonly string[] } = {},
): Figure {
  const { time = linearEpochs } = options;
  const label = options.label ?? valuesIn(tables.spectra, "label")[0];
  const matrix = nameOrMiddle(options.matrix, valuesIn(tables.spectra, "matrix", { label }));
  const rows = rowsOf(tables.spectra, spectrumColumns, { label, matrix });
  const lines = singularValues(rows, time, { type: "linear", title: "singular value" });
  if (!lines)
    throw new DataError(
      `Figure 1: no singular values of ${matrix ?? "any matrix"} for ${label ?? "any label"}`,
    );
  return drawGrid({
    description: `Figure 1: what the spectral dynamics of weights are, and the singular values of ${matrix} over training`,
    panels: [
      [
        { ...schematic(rows, time), title: "the singular value decomposition of a weight matrix" },
        { ...lines, title: `singular values of ${shortName(matrix ?? "")} during training` },
      ],
    ],
    columnWidths: [1.15, 1],
    panelHeight: 300,
    keys: "rows",
    link: "columns",
    xTitle: timeTitle(time),
    notes: [seedsNote(rows, false), ...(options.notes ?? [])],
  });
}

type Box = readonly [x: number, y: number, width: number, height: number];

const directions = 6;
const bars = 14;

/** The drawing, in coordinates 0..100 to the right and 0..70 upwards. */
function schematic(rows: readonly SpectrumRow[], time: TimeAxis): Panel {
  const shapes: Partial<Shape>[] = [];
  const texts: Partial<Annotation>[] = [];
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
    text: string,
    x: number,
    y: number,
    size: number = textSize.labels,
    color: string = ink.text,
  ): void => {
    texts.push({ text, x, y, xanchor: "center", yanchor: "middle", font: { size, color } });
  };
  const colors = Array.from({ length: directions }, (_, i) => colorAt(rankScale, i / (directions - 1)));
  decomposition(box, write, colors);
  threeSpectra(rows, time, box, write);
  return {
    traces: [],
    x: { type: "linear", range: [0, 100] },
    y: { type: "linear", range: [0, 70] },
    grid: false,
    drawing: { shapes, texts },
  };
}

type DrawBox = (box: Box, fill: string, line?: string) => void;
type Write = (text: string, x: number, y: number, size?: number, color?: string) => void;

/** W = U S V^T: output directions (columns), strengths (diagonal) and input directions (rows), coloured by rank. */
function decomposition(box: DrawBox, write: Write, colors: readonly string[]): void {
  const [bottom, tall] = [42, 22];
  const cell = 2.6;
  box([2, bottom, 17, tall], "#dfe5ec", ink.axis);
  write("<b>W</b>", 10.5, bottom + tall / 2, 15);
  write("=", 24.5, bottom + tall / 2, 16);
  colors.forEach((color, i) => {
    box([30 + i * cell, bottom, cell, tall], color);
    box([52 + i * cell, bottom + tall - (i + 1) * cell - 3, cell, cell], color);
    box([74, bottom + tall - (i + 1) * cell - 3, 17, cell], color);
  });
  write("weights", 10.5, bottom - 4, textSize.labels, ink.muted);
  write("<b>U</b> output directions", 38, bottom - 4, textSize.labels, ink.muted);
  write("<b>S</b> strengths", 60, bottom - 4, textSize.labels, ink.muted);
  write("<b>V<sup>T</sup></b> input directions", 82.5, bottom - 4, textSize.labels, ink.muted);
}

/** Singular values of evenly chosen ranks at the start, the middle and the end, on one scale. */
function threeSpectra(rows: readonly SpectrumRow[], time: TimeAxis, box: DrawBox, write: Write): void {
  const steps = distinct(rows, "step").sort((a, b) => a - b);
  const shown = [steps[0], steps[Math.floor((steps.length - 1) / 2)], steps[steps.length - 1]];
  const ranks = thinned(
    distinct(rows, "rank").sort((a, b) => a - b),
    bars,
  );
  const last = ranks[ranks.length - 1];
  const highest = Math.max(...rows.filter((row) => ranks.includes(row.rank)).map((row) => row.value));
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
    const now = rows.filter((row) => row.step === step);
    const width = wide / ranks.length;
    ranks.forEach((rank, position) => {
      const values = now.filter((row) => row.rank === rank).map((row) => row.value);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const color = colorAt(rankScale, last > 1 ? (rank - 1) / (last - 1) : 0);
      box([left + position * width, bottom, width, (tall * mean) / highest], color);
    });
    box([left, bottom - 0.15, wide, 0.15], ink.axis, ink.axis);
    const moment = Number(now[0][time.unit].toPrecision(3)).toLocaleString("en-US");
    write(`${time.unit} ${moment}`, left + wide / 2, bottom - 4, textSize.labels, ink.muted);
    if (i < 2) write("›", left + wide + 4.5, bottom + tall / 3, 26, ink.muted);
  });
}
