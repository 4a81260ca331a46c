import { type LabelledRun, metricsTable } from "../analysis/tables.js";
import { topHalfSuffices } from "../paper/claims/figure4.js";
import { figure4 } from "../figures/figure4.js";
import type { Drawn } from "./drawn.js";
import { columnsOf } from "./experiments.js";

/**
 * Figure 4 from runs of the four tasks, a column per label: losses of the whole network and of its two halves. Claims how
 * far the halves' losses end from the full one, on both splits. Tasks without runs are named under the figure.
 * @throws DataError without runs
 */
export function drawFigure4(runs: readonly LabelledRun[]): Drawn {
  const { columns, labels } = columnsOf(runs);
  const tables = { metrics: metricsTable(runs) };
  return {
    name: "figure4",
    figure: figure4(tables, { tasks: columns }),
    tables,
    claims: labels.flatMap((label) =>
      (["train", "validation"] as const).map((split) => topHalfSuffices(tables.metrics, { label }, split)),
    ),
  };
}
