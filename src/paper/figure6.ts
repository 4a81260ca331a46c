import { type FacetedRun, ranksTable, spectrumTable } from "../analysis/tables.js";
import type { ColumnTable } from "arquero";
import { where } from "../core/facets.js";
import { rankHeatmap, shortName, singularValues } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { claimsOfDecay } from "./claims/figure6.js";
import { FOUR_TASKS } from "./columns.js";
import { decayPlan } from "./decay-plan.js";
import { type DecayedRuns, decayedRuns, type DecayRow, drawDecays } from "./decays.js";
import type { Drawn, PaperFigure } from "./figure.js";
import { commonKey } from "./figure3.js";

export const figure6: PaperFigure = {
  number: 6,
  title: "Spectra and effective rank with more and more weight decay",
  tasks: FOUR_TASKS,
  settings: [],
  plan: (profile) => decayPlan("figure6", figure6.title, profile),
  draw: drawFigure6,
};

/**
 * Figure 6 from runs of the four tasks with several weight decays: figure 3 for each of them. Claims of each task whether
 * more decay ends in lower rank, and whether the most collapses the norms.
 * @throws DataError without finished runs
 */
export function drawFigure6(given: readonly FacetedRun[]): Drawn {
  const decayed = decayedRuns("Figure 6", given);
  const { runs, tasks } = decayed;
  const matrices = new Set(tasks.map(({ shown }) => shown.matrix));
  const tables = {
    spectra: spectrumTable(runs, { only: (name) => matrices.has(name), maxSteps: 200 }),
    ranks: ranksTable(runs),
  };
  return {
    name: "figure6",
    figure: plotFigure6(tables, decayed),
    tables,
    claims: tasks.flatMap((task) => claimsOfDecay(tables.ranks, task)),
  };
}

/**
 * Figure 6: for each task a row of singular values of one matrix and one of the effective rank of every matrix (depth x
 * time), a column per decay.
 * @param tables as `spectrumTable` and `ranksTable` have them, of runs with the facets task and weightDecay
 */
export function plotFigure6(
  { spectra, ranks }: { readonly spectra: ColumnTable; readonly ranks: ColumnTable },
  { tasks, notes }: Pick<DecayedRuns, "tasks" | "notes">,
): Figure {
  const shown = tasks.map((task) => `${task.title}: ${shortName(task.shown.matrix)}`);
  const standing = tasks.flatMap((task) => {
    const why = task.shown.notes.matrix;
    return why === undefined ? [] : [`${task.title}: ${why}.`];
  });
  const about = "Figure 6: singular values of one matrix and effective rank of all";
  const more = [`Singular values: ${shown.join("; ")}.`, ...standing, ...notes];
  return drawDecays(about, { tasks, notes: more }, ({ shown: { matrix } }): DecayRow[] => [
    {
      title: "values",
      panel(decayed) {
        const lines = singularValues(where(spectra, { ...decayed.where, matrix }));
        return lines && { ...lines, key: commonKey };
      },
    },
    { title: "rank", panel: (decayed) => rankHeatmap(where(ranks, decayed.where)) },
  ]);
}
