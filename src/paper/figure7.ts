import type { ColumnTable } from "arquero";
import { alignmentScoresTable, alignmentTable, type FacetedRun } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { diagonalHeatmap, scaleTop, scoreHeatmap, shortName } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { transformerAlignsMost } from "./claims/figure7.js";
import { FOUR_TASKS } from "./columns.js";
import { decayPlan } from "./decay-plan.js";
import { type DecayedRuns, decayedRuns, type DecayRow, drawDecays } from "./decays.js";
import type { Drawn, PaperFigure } from "./figure.js";

export const figure7: PaperFigure = {
  number: 7,
  title: "Alignment of neighbouring layers with more and more weight decay",
  tasks: FOUR_TASKS,
  settings: [],
  plan: (profile) => decayPlan("figure7", figure7.title, profile),
  draw: drawFigure7,
};

/**
 * Figure 7 from runs of the four tasks with several weight decays: figure 5 for each of them. Claims whether decay raises
 * the Transformer's alignment most.
 * @throws DataError without finished runs
 */
export function drawFigure7(given: readonly FacetedRun[]): Drawn {
  const decayed = decayedRuns("Figure 7", given);
  const { runs, tasks } = decayed;
  const contacts = new Set(tasks.map(({ shown }) => shown.contact));
  const tables = {
    alignment: alignmentTable(runs, { only: (name) => contacts.has(name), maxSteps: 200 }),
    scores: alignmentScoresTable(runs),
  };
  return {
    name: "figure7",
    figure: plotFigure7(tables, decayed),
    tables,
    claims: transformerAlignsMost(tables.scores, tasks),
  };
}

/**
 * Figure 7: for each task a row of alignment diagonals of one pair of layers (rank x time) and one of the alignment score
 * of every pair (depth x time), a column per decay. Each row has one colour scale, from 0 to its largest value.
 * @param tables as `alignmentTable` and `alignmentScoresTable` have them, of runs with the facets task and weightDecay
 */
export function plotFigure7(
  { alignment, scores }: { readonly alignment: ColumnTable; readonly scores: ColumnTable },
  { tasks, notes }: Pick<DecayedRuns, "tasks" | "notes">,
): Figure {
  const shown = tasks.map((task) => `${task.title}: ${shortName(task.shown.contact)}`);
  const standing = tasks.flatMap((task) => {
    const why = task.shown.notes.contact;
    return why === undefined ? [] : [`${task.title}: ${why}.`];
  });
  const about = "Figure 7: alignment of neighbouring layers";
  const more = [`Alignment: ${shown.join("; ")}.`, ...standing, ...notes];
  return drawDecays(about, { tasks, notes: more }, ({ task, shown: { contact } }): DecayRow[] => {
    const diagonals = where(alignment, { task, contact });
    const all = where(scores, { task });
    const [top, scoreTop] = [scaleTop(diagonals.array("value")), scaleTop(all.array("score"))];
    return [
      { title: "alignment", panel: (decayed) => diagonalHeatmap(where(diagonals, decayed.where), top) },
      { title: "score", panel: (decayed) => scoreHeatmap(where(all, decayed.where), scoreTop) },
    ];
  });
}
