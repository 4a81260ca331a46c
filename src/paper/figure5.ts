import type { ColumnTable } from "arquero";
import { alignmentScoresTable, alignmentTable, type FacetedRun } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { diagonalHeatmap, scaleTop, scoreHeatmap, shortName } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { experimentsIn, nameOrMiddle, seedsNote } from "../figures/selection.js";
import { alignedAtEnd, unalignedAtStart } from "./claims/figure5.js";
import { type ColumnOptions, columnsOf, drawColumns, FOUR_TASKS } from "./columns.js";
import type { Drawn, PaperFigure } from "./figure.js";

export const figure5: PaperFigure = {
  number: 5,
  title: "Alignment of neighbouring layers in four tasks",
  tasks: FOUR_TASKS,
  settings: [],
  draw: drawFigure5,
};

/**
 * Figure 5 from runs of the four tasks, a column per experiment. Claims how alignment compares to chance, at the start
 * and at the end. Tasks without runs are named under the figure.
 * @throws DataError without runs
 */
export function drawFigure5(runs: readonly FacetedRun[]): Drawn {
  const { columns, present, notes } = columnsOf(runs, "contact");
  const shown = new Set(present.map(({ contact }) => contact));
  const tables = {
    alignment: alignmentTable(runs, { only: (name) => shown.has(name), maxSteps: 200 }),
    scores: alignmentScoresTable(runs),
  };
  return {
    name: "figure5",
    figure: plotFigure5(tables, { columns, notes }),
    tables,
    claims: present.flatMap((column) => [
      unalignedAtStart(tables.scores, column.where),
      alignedAtEnd(tables.scores, column.where),
    ]),
  };
}

/**
 * Figure 5: a column per experiment; above the alignment diagonal of one pair of layers (rank x time), below the
 * alignment score of every pair (depth x time). Each row of panels has one colour scale, from 0 to its largest value.
 * @param tables as `alignmentTable` and `alignmentScoresTable` have them
 * @throws DataError if no experiment has data for both panels
 */
export function plotFigure5(
  { alignment, scores }: { readonly alignment: ColumnTable; readonly scores: ColumnTable },
  { columns = experimentsIn(scores), notes = [] }: ColumnOptions = {},
): Figure {
  const chosen = columns.map((column) => {
    const own = where(alignment, column.where);
    const contact = nameOrMiddle(column.contact, own, "contact");
    return {
      ...column,
      contact,
      diagonal: where(own, { contact }),
      scores: where(scores, column.where),
    };
  });
  const top = scaleTop(chosen.flatMap(({ diagonal }) => [...diagonal.array("value")]));
  const scoreTop = scaleTop(chosen.flatMap((column) => [...column.scores.array("score")]));
  const options = { columns: chosen, notes: [seedsNote(scores, columns, false), ...notes] };
  return drawColumns("Figure 5: alignment of neighbouring layers", options, (column) => {
    const panel = diagonalHeatmap(column.diagonal, top);
    return {
      alignment: panel && { ...panel, title: shortName(column.contact) },
      "alignment score": scoreHeatmap(column.scores, scoreTop),
    };
  });
}
