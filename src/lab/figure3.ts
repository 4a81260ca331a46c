import { type LabelledRun, ranksTable, spectrumTable } from "../analysis/tables.js";
import { rankFalls } from "../paper/claims/figure3.js";
import { figure3 } from "../figures/figure3.js";
import type { Drawn } from "./drawn.js";
import { columnsOf } from "./experiments.js";

/**
 * Figure 3 from runs of the four tasks, a column per label: singular values of one matrix, effective rank of all. Claims
 * in how many matrices of each task effective rank fell. Tasks without runs are named under the figure.
 * @throws DataError without runs
 */
export function drawFigure3(runs: readonly LabelledRun[]): Drawn {
  const { columns, labels, notes } = columnsOf(runs, "matrix");
  const shown = new Set(columns.map(({ matrix }) => matrix));
  const tables = {
    spectra: spectrumTable(runs, { only: (name) => shown.has(name), maxSteps: 200 }),
    ranks: ranksTable(runs),
  };
  return {
    name: "figure3",
    figure: figure3(tables, { tasks: columns, notes }),
    tables,
    claims: labels.map((label) => rankFalls(tables.ranks, { label })),
  };
}
