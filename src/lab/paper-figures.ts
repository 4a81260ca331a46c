import type { LabelledRun } from "../analysis/tables.js";
import { unknownName } from "../core/config.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import type { RunReader } from "../store/stored-run.js";
import { mlpLabels, modularAddition, transformer } from "../tasks/index.js";
import type { RunRequest } from "../tasks/run.js";
import type { ProfileName, Task } from "../tasks/task.js";
import type { Drawn } from "./drawn.js";
import { FOUR_TASKS } from "./experiments.js";
import { drawFigure1 } from "./figure1.js";
import { drawFigure2 } from "./figure2.js";
import { drawFigure3 } from "./figure3.js";
import { drawFigure4 } from "./figure4.js";
import { drawFigure5 } from "./figure5.js";
import { drawFigure8 } from "./figure8.js";
import { PAPER_SEEDS, requestsOf, storedRun } from "./reproduce.js";

/** One figure of the paper: what it is drawn from, and how. */
export interface PaperFigure {
  readonly number: number;
  readonly title: string;
  readonly tasks: readonly Task[];
  /** Settings of the tasks, each a label; default all; none is the profile's own configuration. */
  readonly settings?: readonly string[];
  /** @throws DataError if the runs do not hold what the figure shows */
  draw(runs: readonly LabelledRun[]): Drawn;
}

const fourTasks = { tasks: FOUR_TASKS, settings: [] };

/** The figures that can be drawn so far, in the order of the paper. */
export const PAPER_FIGURES: readonly PaperFigure[] = [
  {
    number: 1,
    title: "Singular values of a Transformer matrix",
    tasks: [transformer],
    settings: [],
    draw: drawFigure1,
  },
  { number: 2, title: "Grokking and spectral dynamics", tasks: [modularAddition], draw: drawFigure2 },
  { number: 3, title: "Spectra and effective rank in four tasks", ...fourTasks, draw: drawFigure3 },
  { number: 4, title: "Losses of pruned networks in four tasks", ...fourTasks, draw: drawFigure4 },
  { number: 5, title: "Alignment of neighbouring layers in four tasks", ...fourTasks, draw: drawFigure5 },
  { number: 8, title: "True and random labels", tasks: [mlpLabels], draw: drawFigure8 },
];

/** The figure of a number. @throws ConfigError if there is none */
export function paperFigure(number: number): PaperFigure {
  const figure = PAPER_FIGURES.find((candidate) => candidate.number === number);
  if (figure) return figure;
  throw unknownName(
    "figure",
    String(number),
    PAPER_FIGURES.map((known) => String(known.number)),
  );
}

/**
 * The finished runs that a figure can be drawn from, of every task, setting and seed that is stored: trained here, else
 * results that came with the repository; on the real data, else on their stand-in.
 */
export function storedRuns(
  { tasks, settings }: PaperFigure,
  profile: ProfileName,
  { runs = runsFolder(), seeds = PAPER_SEEDS }: { runs?: string; seeds?: readonly number[] } = {},
): LabelledRun[] {
  const roots = [runs, resultsFolder()];
  return tasks.flatMap((task) => {
    const requests = requestsOf(task, { profile, settings, seeds });
    const standIns = requests.map((request) => ({ ...request, set: { standIn: true } }));
    const real = storedOf(requests, roots);
    return real.length > 0 || task.dataSet === undefined ? real : storedOf(standIns, roots);
  });
}

function storedOf(requests: readonly RunRequest[], roots: readonly string[]): LabelledRun[] {
  return requests.flatMap((request) => {
    const run: RunReader | undefined = storedRun(roots, request);
    return run ? [{ label: request.setting ?? request.task.name, run }] : [];
  });
}
