import { drawGrid } from "./grid.js";
import { lossCurves, type Curve } from "./panels.js";
import type { Figure } from "./plotly.js";
import { completeOnes, labelsOf, seedsNote, type Experiment, type TaskOptions } from "./selection.js";
import { metricsColumns, rowsOf, type MetricsRow, type Table } from "./tables.js";
import { roles } from "./theme.js";
import { linearEpochs, timeTitle } from "./time.js";

/** The three models of a split: the whole one, and those that keep half of every matrix's singular triplets. */
const curves = (split: string): readonly Curve[] => [
  { name: "bottom half", color: roles.bottom, split, metric: "loss", variant: "bottom" },
  { name: "top half", color: roles.top, split, metric: "loss", variant: "top" },
  { name: "full", color: roles.full, split, metric: "loss", variant: "full" },
];

/**
 * Figure 4: a column per task; training loss above and validation loss below, of the full model and of the models that
 * keep only the top or only the bottom half of the singular triplets of every matrix but the last layer's.
 * @param tables.metrics the metric "loss"; the column `variant` tells the models apart
 * @throws DataError if no task has the losses of both splits
 */
export function figure4(
  tables: { readonly metrics: Table<MetricsRow> },
  { tasks = labelsOf(tables.metrics), time = linearEpochs, notes: more = [] }: TaskOptions<Experiment> = {},
): Figure {
  const metrics = rowsOf(tables.metrics, metricsColumns, { metric: "loss" }, ["variant"]);
  const { complete, notes } = completeOnes("Figure 4", tasks, ({ label }) => {
    const own = metrics.filter((row) => row.label === label);
    const pruned = new Set(own.map((row) => row.variant));
    const has = pruned.has("top") && pruned.has("bottom");
    return {
      "training loss": has ? lossCurves(own, curves("train"), time, { type: "log" }) : undefined,
      "validation loss": has ? lossCurves(own, curves("validation"), time, { type: "log" }) : undefined,
    };
  });
  return drawGrid({
    description: `Figure 4: losses of full and pruned models; ${complete.map((task) => task.title).join(", ")}`,
    panels: [0, 1].map((row) => complete.map((task) => task.panels[row])),
    columnTitles: complete.map((task) => task.title),
    rowTitles: ["training loss", "validation loss"],
    keys: "rows",
    link: "columns",
    xTitle: timeTitle(time),
    notes: [
      `"top half" keeps the largest half of the singular values, "bottom half" the others. ${seedsNote(metrics, true)}`,
      ...more,
      ...notes,
    ],
  });
}
