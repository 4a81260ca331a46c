import { largest, smallest } from "../core/extent.js";
import { thin } from "../core/thin.js";
import { drawGrid } from "../figures/grid.js";
import type { Panel } from "../figures/panels.js";
import { type Figure, rounded } from "../figures/plotly.js";
import { palette } from "../figures/theme.js";
import { outlinedExperiment, rateAt } from "../sweep/outline.js";
import { taskNamed } from "../tasks/index.js";
import type { ProfileName } from "../tasks/task.js";
import { PAPER_TASKS } from "./details.js";

/** Updates of which the rate is drawn. */
const DRAWN = 600;

/**
 * The learning rate of every experiment of the paper over its updates, a panel each: what the built optimiser's schedule
 * gives, on data of which only the sizes are known.
 */
export async function drawSchedules(profile: ProfileName): Promise<Figure> {
  const panels: Panel[] = [];
  for (const { task, setting } of PAPER_TASKS) panels.push(await schedulePanel(task, profile, setting));
  const perRow = 3;
  return drawGrid({
    description: `Learning rate over updates, profile ${profile}: ${PAPER_TASKS.map(({ task }) => task).join(", ")}`,
    panels: Array.from({ length: Math.ceil(panels.length / perRow) }, (_, row) =>
      panels.slice(row * perRow, (row + 1) * perRow),
    ),
    keys: "columns",
    link: "none",
    xTitle: "updates",
    notes: [
      "Learning rates on logarithmic axes; a rate of 0 (before the first update of a warm-up) is not drawn.",
      "How many updates the Transformer makes is estimated: its text is counted in tokens when it is read.",
    ],
  });
}

async function schedulePanel(task: string, profile: ProfileName, setting?: string): Promise<Panel> {
  const run = await outlinedExperiment(taskNamed(task), { profile, setting });
  const steps = Array.from({ length: run.clock.totalSteps }, (_, step) => step);
  const points = thin(steps, DRAWN)
    .map((step) => ({ step, rate: rateAt(run, step) }))
    .filter(({ rate }) => rate > 0);
  const exponents = points.map(({ rate }) => Math.log10(rate));
  const range: [number, number] = [
    Math.floor(smallest(exponents) - 0.1),
    Math.ceil(largest(exponents) + 0.1),
  ];
  const decades = Array.from({ length: range[1] - range[0] + 1 }, (_, i) => range[0] + i);
  return {
    title: task,
    traces: [
      {
        type: "scatter",
        mode: "lines",
        name: "learning rate",
        showlegend: false,
        x: points.map(({ step }) => step),
        y: points.map(({ rate }) => rounded(rate)),
        line: { color: palette[0], width: 1.6, shape: "hv" },
      },
    ],
    x: { type: "linear", range: [0, steps.length] },
    y: {
      type: "log",
      title: "learning rate",
      range,
      ticks: { at: decades.map((decade) => 10 ** decade), text: decades.map((decade) => `1e${decade}`) },
    },
    grid: true,
  };
}
