import { isDeepStrictEqual } from "node:util";
import { faceted, type FacetedRun } from "../analysis/tables.js";
import { SpectralError } from "../core/errors.js";
import { findRuns } from "../store/find-runs.js";
import { warnOnce } from "../store/folder.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import { checkSameTraining, type Origin, type RunRecord } from "../store/record.js";
import { type RunReader, verifyRun } from "../store/stored-run.js";
import { commandOf, type RunRequest } from "../tasks/run.js";
import { type Choice, configOf, type ProfileName, type Task, trainingFields } from "../tasks/task.js";
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

/** Told in one line of each stored run that is left out because it is damaged. */
export type OnLeftOut = (line: string) => void;

/**
 * The finished runs of a task under some folders; one that lies under several comes once.
 * @param onLeftOut default a process warning, once for each
 */
export function finishedRuns(
  roots: readonly string[],
  { name }: Task,
  onLeftOut: OnLeftOut = warnOnce,
): RunReader[] {
  return findRuns(roots, { task: name, where: ({ status }) => status === "finished", onLeftOut });
}

/** The runs of a task under some folders that diverged. @param onLeftOut default a process warning, once for each */
export function divergedRuns(
  roots: readonly string[],
  { name }: Task,
  onLeftOut: OnLeftOut = warnOnce,
): RunReader[] {
  const where = ({ status, diverged }: RunRecord): boolean => status === "failed" && diverged !== undefined;
  return findRuns(roots, { task: name, where, onLeftOut });
}

/**
 * Those among the finished runs of a request's task that were trained as it asks, on whatever data, and hold what their records
 * state.
 * @param onLeftOut default a process warning, once for each
 * @param origin where they branched off; default nowhere. Of a branch the request is that of the whole configuration
 * @throws StoreError if a default was changed since one of them was trained
 */
export function candidatesOf(
  finished: readonly RunReader[],
  request: RunRequest,
  onLeftOut: OnLeftOut = warnOnce,
  origin?: Origin,
): RunReader[] {
  const { task, seed = 0, order = seed } = request;
  const config = configOf(task, request);
  const training = trainingFields(task, config);
  const same = (record: RunRecord): boolean =>
    record.seed === seed &&
    (record.order ?? record.seed) === order &&
    isDeepStrictEqual(record.origin, origin) &&
    isDeepStrictEqual(record.training, training);
  const found = finished.filter(({ record }) => same(record));
  const { measuring } = task;
  for (const { folder, record } of found)
    checkSameTraining(folder, record, { task: task.name, config, measuring });
  return found.filter((run) => {
    const why = damageOf(run);
    if (why !== undefined) onLeftOut(`left out: ${why}: ${commandOf(request)} --retrain`);
    return why === undefined;
  });
}

const compared = new WeakMap<RunReader, string | undefined>();

/** What is damaged of a run, found once; undefined if it is whole. */
function damageOf(run: RunReader): string | undefined {
  if (compared.has(run)) return compared.get(run);
  let why: string | undefined;
  try {
    verifyRun(run);
  } catch (error) {
    if (!(error instanceof SpectralError)) throw error;
    why = error.message;
  }
  compared.set(run, why);
  return why;
}

/**
 * The stored run of a request among candidates that differ only in their data: the one on the data of `fingerprint`, if it
 * is given and there is one; else on real rather than generated ones, on more rather than fewer.
 */
export function preferred(candidates: readonly RunReader[], fingerprint?: string): RunReader | undefined {
  const rank = ({ record: { data } }: RunReader): readonly number[] => [
    Number(data.fingerprint === fingerprint),
    Number(!data.standIn),
    data.training,
  ];
  return [...candidates].sort((a, b) => {
    const [first, second] = [rank(a), rank(b)];
    const decides = first.findIndex((value, i) => value !== second[i]);
    return decides < 0 ? 0 : second[decides] - first[decides];
  })[0];
}

/** The fields that say what is measured in which a stored run differs from a request: "measureEvery = 10, asked 1". */
export function measuredOtherwise({ record }: RunReader, request: RunRequest): string[] {
  const config = configOf(request.task, request);
  return request.task.measuring
    .filter((name) => name !== "standIn" && record.config[name] !== config[name])
    .map((name) => `${name} = ${String(record.config[name])}, asked ${String(config[name])}`);
}

/**
 * The finished runs that a figure can be drawn from, of every task, setting and seed that is stored: trained here, else
 * results that came with the repository. The seeds of one setting are on equal data.
 * @param results whether these are looked through too; default true
 */
export function storedRuns(
  { tasks, settings }: PaperFigure,
  profile: ProfileName,
  {
    runs = runsFolder(),
    results = true,
    seeds = PAPER_SEEDS,
  }: { runs?: string; results?: boolean; seeds?: readonly number[] } = {},
): FacetedRun[] {
  const roots = results ? [runs, resultsFolder()] : [runs];
  return tasks.flatMap((task) => {
    const finished = finishedRuns(roots, task);
    return requestsOf(task, { profile, settings, seeds: [seeds[0]] }).flatMap((request) => {
      const bySeed = seeds.map((seed) => candidatesOf(finished, { ...request, seed }));
      const chosen = preferred(bySeed.flat());
      const own = bySeed.map((found) => preferred(found, chosen?.record.data.fingerprint));
      return sameData(
        own.flatMap((run) => run ?? []),
        chosen,
      ).map((run) => facetedBy(request, run));
    });
  });
}

/** The runs that were trained on the same data as one of them. */
export function sameData(runs: readonly RunReader[], as: RunReader | undefined): RunReader[] {
  return runs.filter(({ record }) => record.data.fingerprint === as?.record.data.fingerprint);
}

/** A run with the facets of the request that it answers. */
export function facetedBy(request: RunRequest, run: RunReader): FacetedRun {
  return faceted(run, { setting: request.setting ?? null });
}
