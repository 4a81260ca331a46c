import type { ColumnTable } from "arquero";
import { type FacetedRun, ranksTable, spectrumTable } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { type ColorKey, rankHeatmap, shortName, singularValues } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { experimentsIn, nameOrMiddle, seedsNote } from "../figures/selection.js";
import { rankScale } from "../figures/theme.js";
import { rankFalls } from "./claims/figure3.js";
import { type ColumnOptions, columnsOf, drawColumns, FOUR_TASKS } from "./columns.js";
import type { Drawn, PaperFigure } from "./figure.js";

export const figure3: PaperFigure = {
  number: 3,
  title: "Spectra and effective rank in four tasks",
  tasks: FOUR_TASKS,
  settings: [],
  draw: drawFigure3,
};

/**
 * Figure 3 from runs of the four tasks, a column per experiment. Claims how effective rank changed in each. Tasks without
 * runs are named under the figure.
 * @throws DataError without runs
 */
export function drawFigure3(runs: readonly FacetedRun[]): Drawn {
  const { columns, present, notes } = columnsOf(runs, "matrix");
  const shown = new Set(present.map(({ matrix }) => matrix));
  const tables = {
    spectra: spectrumTable(runs, { only: (name) => shown.has(name), maxSteps: 200 }),
    ranks: ranksTable(runs),
  };
  return {
    name: "figure3",
    figure: plotFigure3(tables, { columns, notes }),
    tables,
    claims: present.map((column) => rankFalls(tables.ranks, column.where)),
  };
}

/** One colour bar for matrices of different sizes. */
export const commonKey: ColorKey = {
  title: "rank",
  scale: rankScale,
  range: [0, 1],
  ticks: { at: [0, 1], text: ["1", "last"] },
};

/**
 * Figure 3: a column per experiment; above the singular values of one matrix over time, a line per rank, below the
 * effective rank of every matrix (depth x time).
 * @param tables as `spectrumTable` and `ranksTable` have them
 * @throws DataError if no experiment has data for both panels
 */
export function plotFigure3(
  { spectra, ranks }: { readonly spectra: ColumnTable; readonly ranks: ColumnTable },
  { columns = experimentsIn(ranks), notes = [] }: ColumnOptions = {},
): Figure {
  const about = "Figure 3: singular values of one matrix and effective rank of all";
  const options = { columns, notes: [seedsNote(ranks, columns, false), ...notes] };
  return drawColumns(about, options, (column) => {
    const own = where(spectra, column.where);
    const matrix = nameOrMiddle(column.matrix, own, "matrix");
    const lines = singularValues(where(own, { matrix }));
    return {
      "singular values": lines && { ...lines, title: shortName(matrix), key: commonKey },
      "effective rank": rankHeatmap(where(ranks, column.where)),
    };
  });
}
