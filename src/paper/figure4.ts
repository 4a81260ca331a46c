import type { ColumnTable } from "arquero";
import { type FacetedRun, metricsTable } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { type Curve, lossCurves, type Panel } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { experimentsIn, seedsNote } from "../figures/selection.js";
import { roles } from "../figures/theme.js";
import { topHalfSuffices } from "./claims/figure4.js";
import { type ColumnOptions, columnsOf, drawColumns, FOUR_TASKS } from "./columns.js";
import type { Drawn, PaperFigure } from "./figure.js";

export const figure4: PaperFigure = {
  number: 4,
  title: "Losses of pruned networks in four tasks",
  tasks: FOUR_TASKS,
  settings: [],
  draw: drawFigure4,
};

/**
 * Figure 4 from runs of the four tasks, a column per experiment. Claims how far the halves' losses end from the full
 * one, on both splits. Tasks without runs are named under the figure.
 * @throws DataError without runs
 */
export function drawFigure4(runs: readonly FacetedRun[]): Drawn {
  const { columns, present, notes } = columnsOf(runs);
  const metrics = metricsTable(runs);
  return {
    name: "figure4",
    figure: plotFigure4({ metrics }, { columns, notes }),
    tables: { metrics },
    claims: present.flatMap((column) =>
      (["train", "validation"] as const).map((split) => topHalfSuffices(metrics, column.where, split)),
    ),
  };
}

/** The three models of a split: the whole one, and those that keep half of every matrix's singular triplets. */
export const halves = (split: string): readonly Curve[] => [
  { name: "bottom half", color: roles.bottom, split, metric: "loss", variant: "bottom" },
  { name: "top half", color: roles.top, split, metric: "loss", variant: "top" },
  { name: "full", color: roles.full, split, metric: "loss", variant: "full" },
];

/**
 * Figure 4: a column per experiment; training loss above and validation loss below, of the full model and of the models
 * that keep only the top or only the bottom half of the singular triplets of every matrix but the last layer's.
 * @param tables.metrics the metric "loss", as `metricsTable` has it
 * @throws DataError if no experiment has the losses of both splits
 */
export function plotFigure4(
  { metrics }: { readonly metrics: ColumnTable },
  { columns = experimentsIn(metrics), notes = [] }: ColumnOptions = {},
): Figure {
  const kept = '"top half" keeps the largest half of the singular values, "bottom half" the others.';
  const options = { columns, notes: [`${kept} ${seedsNote(metrics, columns, true)}`, ...notes] };
  return drawColumns("Figure 4: losses of full and pruned models", options, (column) => {
    const own = where(metrics, { ...column.where, metric: "loss" });
    const variants = own.dedupe("variant").array("variant");
    const pruned = variants.includes("top") && variants.includes("bottom");
    const panel = (split: string): Panel | undefined =>
      pruned ? lossCurves(own, halves(split), { type: "log" }) : undefined;
    return { "training loss": panel("train"), "validation loss": panel("validation") };
  });
}
