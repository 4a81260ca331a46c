import type { FacetedRun } from "../analysis/tables.js";
import { facetsText } from "../core/facets.js";
import { drawGrid } from "../figures/grid.js";
import type { Panel } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { completeOnes, type FigureExperiment } from "../figures/selection.js";
import { lstm, transformer, unet, vgg } from "../tasks/index.js";
import type { Task } from "../tasks/task.js";
import { dataNotes, dataOf, experimentsOf } from "./experiments.js";
import { type Shown, shownOf } from "./shown.js";

/** The tasks of figures 3 to 5, in the order of their columns. */
export const FOUR_TASKS: readonly Task[] = [vgg, unet, lstm, transformer];

/** One column of figures 3 to 5: an experiment, and what is shown of it; default the middle one. */
export interface Column extends FigureExperiment, Partial<Pick<Shown, "matrix" | "contact">> {}

/** What a figure with a column per experiment may be told. */
export interface ColumnOptions {
  /** From the left; default every experiment of the table. */
  readonly columns?: readonly Column[];
  /** Lines under the figure. */
  readonly notes?: readonly string[];
}

/** What the horizontal axes of a figure of columns say; default epochs. */
export interface ColumnAxis {
  readonly xTitle?: string;
  /** Lines of the labels at its ticks; default 1. */
  readonly tickLines?: number;
}

/** The columns of a figure of the four tasks, and what is said of them under it. */
export interface Columns {
  /** Those with runs, then the tasks without: the figure names them as left out. */
  readonly columns: readonly Column[];
  /** Those with runs. */
  readonly present: readonly Column[];
  readonly notes: readonly string[];
}

/**
 * A column for each experiment among some runs, those of the four tasks first. Tasks without runs are among them unless
 * all runs are of settings: then the figure is about these.
 * @param shown what the figure shows of each: where it is not the paper's, a note says so
 */
export function columnsOf(runs: readonly FacetedRun[], shown?: "matrix" | "contact"): Columns {
  const place = ({ where }: FigureExperiment): number => {
    const found = FOUR_TASKS.findIndex(({ name }) => name === where.task);
    return found < 0 ? FOUR_TASKS.length : found;
  };
  const present = experimentsOf(runs)
    .sort((a, b) => place(a) - place(b))
    .map(({ where, runs: own }) => {
      const parts = [
        SHORT[String(where.task)] ?? where.task,
        facetsText({ ...where, task: null }),
        dataOf(own),
      ];
      return { where, title: parts.filter(Boolean).join(", "), ...shownOf(own[0].run) };
    });
  const complete = present.some(({ where }) => where.setting === null);
  const absent = FOUR_TASKS.filter(
    ({ name }) => complete && !present.some(({ where }) => where.task === name),
  );
  return {
    columns: [
      ...present,
      ...absent.map(({ name }) => ({ where: { task: name, setting: null }, title: SHORT[name] })),
    ],
    present,
    notes: [
      ...dataNotes(runs),
      ...present.flatMap(({ title, notes }) => {
        const note = shown && notes[shown];
        return note ? [`${title}: ${note}.`] : [];
      }),
    ],
  };
}

/** What figures call the four tasks. */
export const SHORT: Readonly<Record<string, string>> = {
  vgg: "VGG",
  unet: "UNet",
  lstm: "LSTM",
  transformer: "Transformer",
};

/**
 * Draws a column of panels for each experiment that has data for all of them; the others are named below the figure.
 * @param figure "Figure 3: what it shows", for the description and for errors
 * @param build a column's panels from the top, by the title of their row
 * @throws DataError if no experiment has data for all panels
 */
export function drawColumns<C extends Column>(
  figure: string,
  { columns, notes }: Required<ColumnOptions> & { readonly columns: readonly C[] },
  build: (column: C) => Readonly<Record<string, Panel | undefined>>,
  { xTitle = "epoch", tickLines }: ColumnAxis = {},
): Figure {
  let rowTitles: string[] = [];
  const { complete, notes: leftOut } = completeOnes(figure.replace(/:.*/, ""), columns, (column) => {
    const panels = build(column);
    rowTitles = Object.keys(panels);
    return panels;
  });
  return drawGrid({
    description: `${figure}; ${complete.map(({ title }) => title).join(", ")}`,
    panels: rowTitles.map((_, row) => complete.map(({ panels }) => panels[row])),
    columnTitles: complete.map(({ title }) => title),
    rowTitles,
    keys: "rows",
    link: "columns",
    xTitle,
    tickLines,
    notes: [...notes, ...leftOut],
  });
}
