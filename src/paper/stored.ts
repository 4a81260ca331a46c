import { faceted, type FacetedRun } from "../analysis/tables.js";
import { findRuns } from "../store/find-runs.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import { runId } from "../store/record.js";
import type { RunReader } from "../store/stored-run.js";
import { identityOf, type RunRequest } from "../tasks/run.js";
import type { Choice, ProfileName, Task } from "../tasks/task.js";
import type { PaperFigure } from "./figure.js";

/** The seeds of the paper's repetitions. */
export const PAPER_SEEDS: readonly number[] = [0, 1, 2];

/** Which runs of a task. */
export interface RunChoice extends Pick<Choice, "profile" | "set"> {
  /** Settings of the profile; default all of them; none stands for the profile's own configuration. */
  readonly settings?: readonly string[];
  /** Default 0. */
  readonly seeds?: readonly number[];
  /** Folder of runs; default `runsFolder()`. */
  readonly runs?: string;
}

/** The requests of a task's settings and seeds. */
export function requestsOf(
  task: Task,
  { profile = "quick", settings, seeds = [0], set, runs }: RunChoice,
): RunRequest[] {
  const names = settings ?? Object.keys(task.profiles[profile].settings);
  const chosen = names.length > 0 ? names : [undefined];
  return chosen.flatMap((setting) => seeds.map((seed) => ({ task, profile, setting, seed, set, runs })));
}

/** The finished run of a request under some folders; undefined if there is none. */
export function storedRun(roots: readonly string[], request: RunRequest): RunReader | undefined {
  const identity = identityOf(request);
  const where = ({ id, status }: RunReader["record"]): boolean =>
    id === runId(identity) && status === "finished";
  return findRuns(roots, { task: request.task.name, where })[0];
}

/**
 * The finished runs that a figure can be drawn from, of every task, setting and seed that is stored: trained here, else
 * results that came with the repository; on the real data, else on their stand-in.
 */
export function storedRuns(
  { tasks, settings }: PaperFigure,
  profile: ProfileName,
  { runs = runsFolder(), seeds = PAPER_SEEDS }: { runs?: string; seeds?: readonly number[] } = {},
): FacetedRun[] {
  const roots = [runs, resultsFolder()];
  return tasks.flatMap((task) => {
    const requests = requestsOf(task, { profile, settings, seeds });
    const standIns = requests.map((request) => ({ ...request, set: { standIn: true } }));
    const real = storedOf(requests, roots);
    return real.length > 0 || task.dataSet === undefined ? real : storedOf(standIns, roots);
  });
}

/** A run with the facets of the request that it answers. */
export function facetedBy(request: RunRequest, run: RunReader): FacetedRun {
  return faceted(run, { setting: request.setting ?? null });
}

function storedOf(requests: readonly RunRequest[], roots: readonly string[]): FacetedRun[] {
  return requests.flatMap((request) => {
    const run = storedRun(roots, request);
    return run ? [facetedBy(request, run)] : [];
  });
}
