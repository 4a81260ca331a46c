import type { LabelledRun } from "../analysis/tables.js";
import { lstm, transformer, unet, vgg } from "../tasks/index.js";
import type { Task } from "../tasks/task.js";
import { type Shown, shownOf } from "./shown.js";

/** The tasks of figures 3 to 5, in the order of their columns. */
export const FOUR_TASKS: readonly Task[] = [vgg, unet, lstm, transformer];

/** One column of figures 3 to 5: a label, what it is called, and what is shown of it. */
export interface Column extends Partial<Pick<Shown, "matrix" | "contact">> {
  readonly label: string;
  readonly title: string;
}

/** The columns of a figure of the four tasks, and what is said of them under it. */
export interface Columns {
  /** Those with runs, then the tasks without: the figure names them as left out. */
  readonly columns: readonly Column[];
  /** The labels of those with runs. */
  readonly labels: readonly string[];
  readonly notes: readonly string[];
}

/**
 * A column for each label of some runs, those of the four tasks first. Tasks without runs are among them unless the
 * labels are all settings: then the figure is about these.
 * @param shown what the figure shows of each: where it is not the paper's, a note says so
 */
export function columnsOf(runs: readonly LabelledRun[], shown?: "matrix" | "contact"): Columns {
  const place = ({ run }: LabelledRun): number => {
    const found = FOUR_TASKS.findIndex(({ name }) => name === run.record.task);
    return found < 0 ? FOUR_TASKS.length : found;
  };
  const first = runs.filter(({ label }, i) => runs.findIndex((other) => other.label === label) === i);
  const present = first
    .sort((a, b) => place(a) - place(b))
    .map(({ label, run }) => ({ label, title: titleOf(label, run), task: run.record.task, ...shownOf(run) }));
  const complete = present.some(({ label, task }) => label === task);
  const absent = FOUR_TASKS.filter(({ name }) => complete && !present.some(({ task }) => task === name));
  return {
    columns: [...present, ...absent.map(({ name }) => ({ label: name, title: SHORT[name] }))],
    labels: present.map(({ label }) => label),
    notes: present.flatMap(({ title, notes }) => {
      const note = shown && notes[shown];
      return note ? [`${title}: ${note}.`] : [];
    }),
  };
}

/** What a column is called: "VGG, CIFAR-10" or "VGG, generated textures"; of a setting "Transformer, small". */
function titleOf(label: string, { record }: LabelledRun["run"]): string {
  const name = SHORT[record.task];
  if (label !== record.task || !name) return name ? `${name}, ${label}` : label;
  return record.data ? `${name}, ${record.data.name.replace(/ \(.*/, "")}` : name;
}

const SHORT: Readonly<Record<string, string>> = {
  vgg: "VGG",
  unet: "UNet",
  lstm: "LSTM",
  transformer: "Transformer",
};
