import type { ColumnTable } from "arquero";
import { type FacetedRun, metricsTable } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { lossCurves } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { gapCloses } from "./claims/figure14.js";
import { FOUR_TASKS } from "./columns.js";
import { decayPlan } from "./decay-plan.js";
import { type DecayedRuns, decayedRuns, drawDecays } from "./decays.js";
import type { Drawn, PaperFigure } from "./figure.js";
import { halves } from "./figure4.js";

export const figure14: PaperFigure = {
  number: 14,
  title: "Training loss of full and pruned networks with more and more weight decay",
  tasks: FOUR_TASKS,
  settings: [],
  plan: (profile) => decayPlan("figure14", figure14.title, profile),
  draw: drawFigure14,
};

/**
 * Figure 14 from runs of the four tasks with several weight decays: the upper row of figure 4 for each of them. Claims of
 * each task whether the gap between the full network and its top half closes as decay grows.
 * @throws DataError without finished runs
 */
export function drawFigure14(given: readonly FacetedRun[]): Drawn {
  const decayed = decayedRuns("Figure 14", given);
  const metrics = metricsTable(decayed.runs);
  return {
    name: "figure14",
    figure: plotFigure14({ metrics }, decayed),
    tables: { metrics },
    claims: decayed.tasks.map((task) => gapCloses(metrics, task)),
  };
}

/**
 * Figure 14: a row per task, a column per decay; the training loss of the full model and of the models that keep only the
 * top or only the bottom half of the singular triplets of every matrix but the last layer's.
 * @param tables.metrics the metric "loss", as `metricsTable` has it, of runs with the facets task and weightDecay
 */
export function plotFigure14(
  { metrics }: { readonly metrics: ColumnTable },
  { tasks, notes }: Pick<DecayedRuns, "tasks" | "notes">,
): Figure {
  const what =
    '"top half" keeps the largest half of the singular values, "bottom half" the others; bands: one standard deviation over seeds.';
  return drawDecays(
    "Figure 14: training loss of full and pruned models",
    { tasks, notes: [what, ...notes] },
    () => [
      {
        title: "loss",
        panel: (decayed) =>
          lossCurves(where(metrics, { ...decayed.where, metric: "loss" }), halves("train"), { type: "log" }),
      },
    ],
  );
}
