import { drawGrid } from "./grid.js";
import { rankHeatmap, shortName, singularValues, type ColorKey } from "./panels.js";
import type { Figure } from "./plotly.js";
import {
  completeOnes,
  labelsOf,
  nameOrMiddle,
  seedsNote,
  type Experiment,
  type TaskOptions,
} from "./selection.js";
import {
  ranksColumns,
  rowsOf,
  spectrumColumns,
  type RanksRow,
  type SpectrumRow,
  valuesIn,
  type Table,
} from "./tables.js";
import { rankScale } from "./theme.js";
import { linearEpochs, timeTitle } from "./time.js";

/** A task, and the matrix whose singular values are shown; default the middle one of its spectra. */
export interface MatrixTask extends Experiment {
  readonly matrix?: string;
}

/** One colour bar for matrices of different sizes. */
const commonKey: ColorKey = {
  title: "rank",
  scale: rankScale,
  range: [0, 1],
  ticks: { at: [0, 1], text: ["1", "last"] },
};

/**
 * Figure 3: a column per task; above the singular values of one middle matrix over time, a line per rank, below the
 * effective rank of every matrix (depth x time). Tasks without data are left out and named below the figure.
 * @throws DataError if no task has data for both panels
 */
export function figure3(
  tables: { readonly spectra: Table<SpectrumRow>; readonly ranks: Table<RanksRow> },
  { tasks = labelsOf(tables.ranks), time = linearEpochs, notes: more = [] }: TaskOptions<MatrixTask> = {},
): Figure {
  const ranks = rowsOf(tables.ranks, ranksColumns);
  const { complete, notes } = completeOnes("Figure 3", tasks, ({ label, matrix }) => {
    const shown = nameOrMiddle(matrix, valuesIn(tables.spectra, "matrix", { label }));
    const spectra = rowsOf(tables.spectra, spectrumColumns, { label, matrix: shown });
    const lines = singularValues(spectra, time, { type: "linear" });
    return {
      "singular values": lines && { ...lines, title: shortName(shown ?? ""), key: commonKey },
      "effective rank": rankHeatmap(
        ranks.filter((row) => row.label === label),
        time,
      ),
    };
  });
  return drawGrid({
    description: `Figure 3: singular values of one matrix and effective rank of all; ${complete.map((task) => task.title).join(", ")}`,
    panels: [0, 1].map((row) => complete.map((task) => task.panels[row])),
    columnTitles: complete.map((task) => task.title),
    rowTitles: ["singular values", "effective rank"],
    keys: "rows",
    link: "columns",
    xTitle: timeTitle(time),
    notes: [seedsNote(ranks, false), ...more, ...notes],
  });
}
