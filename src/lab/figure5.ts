import { alignmentScoresTable, alignmentTable, type LabelledRun } from "../analysis/tables.js";
import { alignedAtEnd, unalignedAtStart } from "../paper/claims/figure5.js";
import { figure5 } from "../figures/figure5.js";
import type { Drawn } from "./drawn.js";
import { columnsOf } from "./experiments.js";

/**
 * Figure 5 from runs of the four tasks, a column per label: the alignment diagonal of one pair of layers, the alignment
 * score of all. Claims how alignment compares to chance, at the start and at the end. Tasks without runs are named under
 * the figure.
 * @throws DataError without runs
 */
export function drawFigure5(runs: readonly LabelledRun[]): Drawn {
  const { columns, labels, notes } = columnsOf(runs, "contact");
  const shown = new Set(columns.map(({ contact }) => contact));
  const tables = {
    alignment: alignmentTable(runs, { only: (name) => shown.has(name), maxSteps: 200 }),
    scores: alignmentScoresTable(runs),
  };
  return {
    name: "figure5",
    figure: figure5(tables, { tasks: columns, notes }),
    tables,
    claims: labels.flatMap((label) => [
      unalignedAtStart(tables.scores, { label }),
      alignedAtEnd(tables.scores, { label }),
    ]),
  };
}
