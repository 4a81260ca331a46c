import { drawGrid } from "./grid.js";
import {
  alignmentDiagonal,
  lossCurves,
  rankHeatmap,
  scaleTop,
  shortName,
  singularValues,
  type Curve,
} from "./panels.js";
import type { Figure } from "./plotly.js";
import { completeOnes, labelsOf, nameOrMiddle, seedsNote, type Experiment } from "./selection.js";
import {
  alignmentColumns,
  metricsColumns,
  ranksColumns,
  rowsOf,
  spectrumColumns,
  valuesIn,
} from "./tables.js";
import type { AlignmentRow, MetricsRow, RanksRow, SpectrumRow, Table } from "./tables.js";
import { roles } from "./theme.js";
import { linearEpochs, timeTitle, type TimeAxis } from "./time.js";

/** What figures 2 and 8 are drawn from. */
export interface DynamicsTables {
  readonly metrics: Table<MetricsRow>;
  readonly spectra: Table<SpectrumRow>;
  readonly ranks: Table<RanksRow>;
  readonly alignment: Table<AlignmentRow>;
}

export interface DynamicsOptions {
  /** Rows of panels, from the top; default every label of the metrics table. */
  readonly settings?: readonly Experiment[];
  /** The matrix whose singular values are shown; default the middle one of the spectrum table. */
  readonly matrix?: string;
  /** The contact whose alignment is shown; default the middle one of the alignment table. */
  readonly contact?: string;
  readonly time?: TimeAxis;
}

const errors: readonly Curve[] = [
  { name: "train", color: roles.train, split: "train", metric: "error" },
  { name: "validation", color: roles.validation, split: "validation", metric: "error" },
];

/**
 * A row per setting: errors, singular values of one matrix, effective rank of all, alignment diagonal of one pair.
 * @param separate whether training and validation error have a panel each
 */
export function drawDynamics(
  figure: string,
  tables: DynamicsTables,
  { settings = labelsOf(tables.metrics), time = linearEpochs, ...options }: DynamicsOptions,
  separate: boolean,
): Figure {
  const matrix = nameOrMiddle(options.matrix, valuesIn(tables.spectra, "matrix"));
  const contact = nameOrMiddle(options.contact, valuesIn(tables.alignment, "contact"));
  const diagonals = rowsOf(tables.alignment, alignmentColumns, { contact });
  const top = scaleTop(diagonals.map((row) => row.value));
  const metrics = rowsOf(tables.metrics, metricsColumns, {}, ["variant"]);
  const { complete, notes } = completeOnes(figure, settings, ({ label }) => {
    const own = <Row extends { label: string }>(rows: readonly Row[]): Row[] =>
      rows.filter((row) => row.label === label);
    const axis = { type: "linear", range: [0, 1.02] as [number, number] } as const;
    const errorPanels = separate
      ? {
          "training error": lossCurves(own(metrics), [errors[0]], time, axis),
          "validation error": lossCurves(own(metrics), [errors[1]], time, axis),
        }
      : { error: lossCurves(own(metrics), errors, time, axis) };
    return {
      ...errorPanels,
      "singular values": singularValues(rowsOf(tables.spectra, spectrumColumns, { label, matrix }), time, {
        type: "linear",
      }),
      "effective rank": rankHeatmap(rowsOf(tables.ranks, ranksColumns, { label }), time),
      alignment: alignmentDiagonal(own(diagonals), time, top),
    };
  });
  return drawGrid({
    description: `${figure}: errors, singular values of ${matrix}, effective rank, alignment of ${contact}; ${complete.map((row) => row.title).join(", ")}`,
    panels: complete.map((row) => row.panels),
    rowTitles: complete.map((row) => row.title),
    columnTitles: [
      ...(separate ? ["training error", "validation error"] : ["error"]),
      "singular values",
      "effective rank",
      "alignment",
    ],
    keys: "columns",
    link: "rows",
    xTitle: timeTitle(time),
    notes: [
      `Singular values of ${shortName(matrix ?? "")}; alignment of ${shortName(contact ?? "")}. ${seedsNote(metrics, true)}`,
      ...notes,
    ],
  });
}
