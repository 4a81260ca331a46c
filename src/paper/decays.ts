import { faceted, type FacetedRun } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import type { Facets } from "../core/facets.js";
import { drawGrid } from "../figures/grid.js";
import type { Panel } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { FOUR_TASKS, SHORT } from "./columns.js";
import { dataNotes } from "./experiments.js";
import { type Shown, shownOf } from "./shown.js";

/** One task with one decay, over its seeds. */
export interface Decayed {
  /** What its rows have in common: task and weightDecay. */
  readonly where: Facets;
  readonly decay: number;
  /** Finished ones. */
  readonly seeds: readonly number[];
  /** Seeds that diverged, and at which step. */
  readonly diverged: readonly { readonly seed: number; readonly step: number }[];
}

/** One task with every decay that there is, rising. */
export interface DecayedTask {
  readonly task: string;
  /** What the figure calls it. */
  readonly title: string;
  readonly shown: Shown;
  readonly decays: readonly Decayed[];
}

/** Runs of several decays: what figures 6, 7 and 14 are drawn from. */
export interface DecayedRuns {
  /** In the order of the paper's rows. */
  readonly tasks: readonly DecayedTask[];
  /** The finished ones, with the facets task, seed and weightDecay. */
  readonly runs: readonly FacetedRun[];
  readonly notes: readonly string[];
}

/**
 * Runs sorted by task and by the weight decay of their configuration. Those that diverged are counted, those that are not
 * finished otherwise are left out.
 * @throws DataError if two runs are of one task, decay and seed, or none is finished
 */
export function decayedRuns(figure: string, given: readonly FacetedRun[]): DecayedRuns {
  const all = given.map(({ run }) => faceted(run, { weightDecay: decayOf(run.record) }));
  const finished = all.filter(({ run }) => run.record.status === "finished");
  const failed = all.filter(
    ({ run: { record } }) => record.status === "failed" && record.diverged !== undefined,
  );
  if (finished.length === 0) throw new DataError(`${figure}: expected at least one finished run, found none`);
  const names = [
    ...new Set([...FOUR_TASKS.map(({ name }) => name), ...all.map(({ run }) => run.record.task)]),
  ];
  const tasks = names.flatMap((task): DecayedTask[] => {
    const of = (runs: readonly FacetedRun[]): FacetedRun[] =>
      runs.filter(({ facets }) => facets.task === task);
    const own = of(finished);
    if (own.length === 0) return [];
    const values = [...own, ...of(failed)].map(({ facets }) => Number(facets.weightDecay));
    const decays = [...new Set(values)]
      .sort((a, b) => a - b)
      .map((decay): Decayed => {
        const at = (runs: readonly FacetedRun[]): FacetedRun[] =>
          of(runs).filter(({ facets }) => facets.weightDecay === decay);
        const seeds = at(finished).map(({ facets }) => Number(facets.seed));
        const twice = seeds.find((seed, i) => seeds.indexOf(seed) < i);
        if (twice !== undefined)
          throw new DataError(
            `${figure}: expected one run of ${task} with weightDecay ${decay} and seed ${twice}, found several`,
          );
        const diverged = at(failed).map(({ run: { record } }) => ({
          seed: record.seed,
          step: record.diverged!,
        }));
        return { where: { task, weightDecay: decay }, decay, seeds, diverged };
      });
    return [{ task, title: SHORT[task] ?? task, shown: shownOf(own[0].run), decays }];
  });
  const absent = FOUR_TASKS.filter(({ name }) => !tasks.some(({ task }) => task === name));
  const leftOut = absent.map(({ name }) => `Left out: ${SHORT[name]} (no finished run).`);
  return { tasks, runs: finished, notes: [...dataNotes(finished), ...seedNotes(tasks), ...leftOut] };
}

function decayOf({ config }: FacetedRun["run"]["record"]): number {
  return Number(config.weightDecay);
}

/** How many seeds there are, and which diverged. */
function seedNotes(tasks: readonly DecayedTask[]): string[] {
  const all = tasks.flatMap(({ title, decays }) => decays.map((decayed) => ({ title, ...decayed })));
  const most = largest(all.map(({ seeds }) => seeds.length));
  const fewer = all.filter(({ seeds }) => seeds.length > 0 && seeds.length < most);
  const except = fewer.map(({ title, decay, seeds }) => `${title}, decay ${decay}: ${seeds.length}`);
  const what = most === 1 ? "One seed each" : `Mean of ${most} seeds`;
  const diverged = all.flatMap(({ title, decay, diverged: lost }) =>
    lost.map(({ seed, step }) => `${title}, decay ${decay}, seed ${seed} at step ${step}`),
  );
  return [
    `${what}${except.length > 0 ? ` (${except.join("; ")})` : ""}.`,
    ...(diverged.length > 0 ? [`Diverged: ${diverged.join("; ")}.`] : []),
  ];
}

/** One row of panels of a task: what it shows, and the panel of each decay. */
export interface DecayRow {
  readonly title: string;
  /** @returns undefined where there are no rows */
  panel(decayed: Decayed): Panel | undefined;
}

/**
 * Rows of panels, some for each task, a column per decay: rising from the left, so that columns of different tasks may be of
 * different decays, which the panels say. Where every seed diverged the panel says at which step.
 * @param rowsOf the rows of a task, from the top
 */
export function drawDecays(
  description: string,
  { tasks, notes }: Pick<DecayedRuns, "tasks" | "notes">,
  rowsOf: (task: DecayedTask) => readonly DecayRow[],
): Figure {
  const rows = tasks.flatMap((task) => rowsOf(task).map((row) => ({ task, row })));
  const columns = largest(tasks.map(({ decays }) => decays.length));
  return drawGrid({
    description: `${description}; ${tasks.map(({ title, decays }) => `${title} with weight decay ${decays.map(({ decay }) => decay).join(", ")}`).join("; ")}`,
    panels: rows.map(({ task: { decays }, row }) =>
      Array.from({ length: columns }, (_, i) => decays[i] && panelOf(decays[i], row)),
    ),
    rowTitles: rows.map(({ task, row }) => `${task.title}: ${row.title}`),
    keys: "rows",
    link: "rows",
    xTitle: "epoch",
    notes,
    panelHeight: 96,
  });
}

function panelOf(decayed: Decayed, row: DecayRow): Panel {
  const title = decayed.decay === 0 ? "no decay" : `decay ${decayed.decay}`;
  const panel = decayed.seeds.length > 0 ? row.panel(decayed) : undefined;
  if (panel) return { ...panel, title };
  const [first] = [...decayed.diverged].sort((a, b) => a.step - b.step);
  return { ...emptyPanel(first ? `diverged at step ${first.step}` : "not measured"), title };
}

function emptyPanel(text: string): Panel {
  const axis = { type: "linear", range: [0, 1] as [number, number] } as const;
  return {
    traces: [],
    x: axis,
    y: axis,
    grid: false,
    drawing: { shapes: [], texts: [{ text, x: 0.5, y: 0.5 }] },
  };
}
