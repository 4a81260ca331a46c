import type { Backend } from "../backend/backend.js";
import { startBackend } from "../backend/start.js";
import type { NamedArrays } from "../core/array.js";
import { type Config, configure } from "../core/config.js";
import {
  ConfigError,
  DamagedError,
  DataError,
  messageOf,
  StoreError,
  TrainingError,
} from "../core/errors.js";
import { at } from "../core/time.js";
import type { DataOptions } from "../data/dataset.js";
import { type ChosenEngine, chooseEngine, type EngineName } from "../linalg/engine-choice.js";
import { SvdPool } from "../linalg/pool.js";
import { thisCode } from "../store/code.js";
import { runsFolder } from "../store/paths.js";
import { trainCommand } from "../store/remake.js";
import {
  identityOf,
  type Origin,
  originAt,
  RUN,
  type RunDescription,
  runFolder,
  type RunRecord,
  type Stretch,
} from "../store/record.js";
import { moveAside } from "../store/folder.js";
import { findRun, openRun, type Run } from "../store/run.js";
import { readRun, type RunReader, verifyRun } from "../store/stored-run.js";
import type { Start } from "../train/checkpoint.js";
import { type Edit, printEdit } from "../train/edits/edit.js";
import type { Experiment } from "../train/experiment.js";
import { type Outcome, type TrainingProgress, train } from "../train/loop.js";
import { masksOf, readBy, resolved } from "./edited.js";
import { normsHeld, recordOfHeld } from "./held.js";
import {
  beyondRepair,
  type CoverageChoice,
  covering,
  coverageOf,
  fillFromWeights,
  type Missing,
  missingFrom,
} from "./coverage.js";
import { ReferenceSvds } from "../train/snapshot.js";
import { startAfter, startFrom } from "../train/start.js";
import { type Choice, configOf, type Task, trainingFields } from "./task.js";

/** A training run that is asked for. */
export interface RunRequest extends Choice, CoverageChoice {
  readonly task: Task;
  /** Stream of the initialisation; default 0. A branch has its trunk's. */
  readonly seed?: number;
  /** Stream of the order of examples; default the seed's own, of a branch its trunk's. */
  readonly order?: number;
  /** Another run of the task whose weights this one starts from, with its configuration but for `set`. */
  readonly start?: Branching;
  /** Train even if the run is there and finished: the old one is moved aside. */
  readonly retrain?: boolean;
  /** A backend's name; default the best one. */
  readonly backend?: string;
  /**
   * What decomposes matrices; default what this run was begun on, of a new one LAPACK where there is a library. Another engine
   * than before is a stretch of its own in the record.
   */
  readonly svd?: EngineName;
  /** Folder of runs; default `runsFolder()`. */
  readonly runs?: string;
  /** Stops training at the next step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Seconds between checkpoints to resume from. */
  readonly checkpointSeconds?: number;
  /** How data are opened. */
  readonly data?: DataOptions;
}

/** Where a branch leaves its trunk. */
export interface Branching {
  /** The trunk, which kept its weights and the optimiser's memory at `step` (`RunRequest.keep`). */
  readonly run: RunReader;
  readonly step: number;
  /** What is done to the weights first. */
  readonly edit?: Edit;
  /**
   * Whether the optimiser goes on with the trunk's moments, as in the authors' code, or with fresh ones (false), as in an optimiser
   * that starts; schedules and epochs go on either way. Default true.
   */
  readonly memory?: boolean;
}

/** A request whose data are open and whose experiment is made. */
export interface PreparedRun {
  readonly request: RunRequest;
  readonly backend: Backend;
  readonly description: RunDescription;
  readonly experiment: Experiment;
}

/** What is known when training starts, and then where it is. */
export interface RunProgress extends TrainingProgress {
  readonly description: RunDescription;
  readonly backend: Backend;
}

/** Seconds between two notes in the record of how far training has come. */
const NOTE_SECONDS = 10;

/**
 * Opens a request's data (the real ones where they lie on this machine or can be downloaded, else the generated
 * stand-in) and makes its experiment: then it is known which run it is. The quick profile does not download by itself: a
 * minute's training is not worth gigabytes (`spectral data get NAME` fetches them). Writes nothing.
 * @throws ConfigError, BackendError, DataError
 */
export async function prepareRun(request: RunRequest): Promise<PreparedRun> {
  const { start } = request;
  const backend = await startBackend({ backend: request.backend });
  const branch = start && { trunk: start.run.record, origin: originOf(start, request.runs) };
  return { request, backend, ...(await describeRun(request, branch)) };
}

/** A branch whose trunk need not be trained yet: what is known of the trunk names both. */
export interface PlannedBranch {
  readonly trunk: Pick<RunRecord, "task" | "config" | "profile" | "seed" | "order">;
  readonly origin: Origin;
}

/** Which run is meant, and how it is trained. */
export type DescribedRun = Pick<PreparedRun, "description" | "experiment">;

/**
 * Opens a request's data as `prepareRun` does and says which run it is, a branch's from what is known of its trunk
 * (`request.start` is not looked at). Needs a started backend. Writes nothing.
 * @throws ConfigError, DataError
 */
export async function describeRun(request: RunRequest, branch?: PlannedBranch): Promise<DescribedRun> {
  const { task } = request;
  const { config, profile, seed, order = seed } = branch ? branchOf(request, branch) : freshOf(request);
  const allowDownload = profile === "quick" ? false : undefined;
  const data = await task.open(config, seed, { signal: request.signal, allowDownload, ...request.data });
  const built = task.build(config, seed, data);
  // What tasks keep by themselves is their initialisation: where a branch starts its trunk keeps it.
  const experiment = covering(branch ? { ...built, checkpoints: at("end") } : built, request);
  const description: RunDescription = {
    task: task.name,
    training: trainingFields(task, config),
    seed,
    ...(order !== seed && { order }),
    ...(branch && { origin: branch.origin }),
    profile,
    config: config as Config,
    data: data.provenance,
    coverage: coverageOf(experiment),
    measuring: task.measuring,
  };
  return { description, experiment };
}

type Chosen = Pick<RunDescription, "config" | "profile" | "seed" | "order">;

function freshOf(request: RunRequest): Chosen {
  const { task, profile = "quick", seed = 0, order } = request;
  return { config: configOf(task, request), profile, seed, order };
}

/** @throws ConfigError if the trunk is of another task, or the seed asked for is not its own */
function branchOf({ task, set = {}, seed, order }: RunRequest, { trunk }: PlannedBranch): Chosen {
  if (trunk.task !== task.name)
    throw new ConfigError(`start: expected a run of ${task.name}, found one of ${trunk.task}`);
  if (seed !== undefined && seed !== trunk.seed)
    throw new ConfigError(
      `start: expected the trunk's seed ${trunk.seed}, found ${seed}: choose an order instead`,
    );
  const config = configure(task.name, task.defaults, { ...trunk.config, ...set }, task.checks);
  return { config, profile: trunk.profile, seed: trunk.seed, order: order ?? trunk.order };
}

/** The origin of a branch: another run that the edit names is named by its whole id. */
function originOf({ run, step, edit, memory }: Branching, runs = runsFolder()): Origin {
  const printed = edit && printEdit(resolved(edit, run, [runs]));
  return originAt({ run: run.record.id, step, edit: printed, memory });
}

/**
 * What a branch starts from: the trunk's state at its step, after the edit; undefined of a run that is no branch.
 * @param record of the branch, which says what norms it was begun with
 */
async function startOf(prepared: PreparedRun, record: RunRecord): Promise<Start | undefined> {
  const { request, description, experiment } = prepared;
  if (!request.start) return undefined;
  const { run, step, edit, memory } = request.start;
  const { runs = runsFolder() } = request;
  const { model } = experiment;
  const kept = startFrom(run, step, model, { memory });
  const masks = masksOf({ run, step, weights: () => kept.weights }, model, [runs]);
  const held = normsHeld(request.start, experiment, { roots: [runs], begun: record.norms });
  const trunk = { ...kept, masks, norms: held };
  if (!edit) return trunk;
  const { seed, order = seed } = description;
  const other = readBy(edit, run, [runs])?.weights();
  return startAfter(edit, trunk, { experiment, seed: order, other, norms: held });
}

/** The run of a request if it is there and finished. */
export function finishedRun({ request, description }: PreparedRun): RunReader | undefined {
  const run = findRun(request.runs ?? runsFolder(), description);
  return run?.record.status === "finished" ? run : undefined;
}

/**
 * Trains the run of a request, or goes on with it where it was stopped. A finished one is returned as it is; what it did
 * not measure is measured now from the weights that it kept.
 * @throws ConfigError, BackendError, DataError, StoreError, TrainingError; the run's record then says "failed" and why,
 * and all that was measured stays. StoreError if a finished run lacks measurements that its kept weights cannot give;
 * the signal's reason if it stops the measuring of a finished run
 */
export async function* runTask(
  request: RunRequest,
): AsyncGenerator<RunProgress, { run: RunReader; outcome: Outcome }> {
  return yield* runPrepared(await prepareRun(request));
}

/** `runTask` of a request that is prepared. */
export async function* runPrepared(
  prepared: PreparedRun,
): AsyncGenerator<RunProgress, { run: RunReader; outcome: Outcome }> {
  const { request, description } = prepared;
  const root = request.runs ?? runsFolder();
  const seen = findRun(root, description);
  const done = seen?.record.status === "finished" ? seen : undefined;
  if (done && request.retrain) moveAside(RUN, done.folder, () => isStill(done));
  else if (done && !lacksSome(done, prepared)) return finishedOutcome(done);
  else engineOf(prepared, seen?.record); // refused before anything is written
  // Only what is read under the lock counts: another process may have finished it meanwhile, or trained it anew.
  const run = openRun(root, description);
  if (run.record.status === "finished") return finishedOutcome(await filled(run, prepared));
  return yield* trainOpened(run, prepared);
}

/** Whether the run in a folder is the finished one that was seen there before, and not what another process made since. */
function isStill({ folder, record }: RunReader): boolean {
  const now = readRun(folder).record;
  return now.status === "finished" && now.created === record.created;
}

/** The engine of a run: the one that its record names, unless another is asked for. @throws ConfigError */
function engineOf({ request, description }: PreparedRun, record: RunRecord | undefined): ChosenEngine {
  const begun = record?.stretches.findLast(({ svd }) => svd !== undefined)?.svd;
  const folder = runFolder(request.runs ?? runsFolder(), identityOf(description));
  return chooseEngine(folder, { asked: request.svd, begun });
}

/** Trains a run that is open, and closes it. */
async function* trainOpened(
  run: Run,
  prepared: PreparedRun,
): AsyncGenerator<RunProgress, { run: RunReader; outcome: Outcome }> {
  const { request, backend, description, experiment } = prepared;
  const { signal, checkpointSeconds } = request;
  const pool = poolOf(run, prepared);
  const started = performance.now();
  const { stretches, timings } = run.record;
  let ended = false;
  let stretch: Stretch | undefined;
  const note = (to: number): void => {
    const seconds = (performance.now() - started) / 1000;
    stretch = stretch && { ...stretch, to, seconds };
    run.update({
      stretches: stretch ? [...stretches, stretch] : stretches,
      timings: { ...timings, training: (timings.training ?? 0) + seconds },
      peakMemory: Math.max(run.record.peakMemory ?? 0, 1024 * process.resourceUsage().maxRSS),
    });
  };
  const { seed, order = seed } = description;
  let training: ReturnType<typeof train> | undefined;
  try {
    const { config, coverage } = description; // of an interrupted run the rest may be measured otherwise
    run.update({ status: "running", failure: undefined, diverged: undefined, config, coverage });
    const start = await startOf(prepared, run.record);
    if (start?.norms) run.update({ norms: recordOfHeld(start.norms) });
    const streams = { init: seed, order };
    training = train(experiment, run, { streams, start, svd: pool, signal, checkpointSeconds });
    const svd = await pool.description;
    let noted = -Infinity;
    let next = await training.next();
    for (; !next.done; next = await training.next()) {
      const { step } = next.value;
      stretch ??= { from: step, to: step, ...machineOf(backend), svd, code: thisCode() };
      if (performance.now() - noted > 1000 * NOTE_SECONDS) {
        note(step);
        noted = performance.now();
      }
      yield { ...next.value, description, backend };
    }
    const outcome = next.value;
    const { status, step, epoch } = outcome;
    note(step);
    run.update({ status, step, epoch, ...(status === "finished" && { finished: new Date().toISOString() }) });
    if (status === "finished") run.pruneCheckpoints(0);
    ended = true;
    return { run, outcome };
  } catch (error) {
    ended = true;
    noteFailure(run, error);
    throw error;
  } finally {
    await training?.return(undefined as never); // abandoned half-way: its tensors are freed
    if (!ended) run.update({ status: "interrupted" });
    run.close();
    await pool.close();
  }
}

/** Says in the record why training failed, where that can be: on a full disk it cannot, and what is finished stays so. */
function noteFailure(run: Run, error: unknown): void {
  if (run.record.status === "finished") return;
  try {
    const diverged = error instanceof TrainingError ? error.step : undefined;
    run.update({ status: "failed", failure: messageOf(error), diverged });
  } catch {
    // what made it fail is thrown, and says more
  }
}

function machineOf({ name, device, versions }: Backend): Pick<Stretch, "backend" | "device" | "versions"> {
  return { backend: name, device, versions: { node: process.versions.node, ...versions } };
}

function finishedOutcome(run: RunReader): { run: RunReader; outcome: Outcome } {
  const { step = 0, epoch = 0 } = run.record;
  return { run, outcome: { status: "finished", step, epoch } };
}

/** The threads that decompose for a run that is open; where its engine cannot be used, the run is closed. */
function poolOf(run: Run, prepared: PreparedRun): SvdPool {
  try {
    return new SvdPool({ engine: engineOf(prepared, run.record).engine });
  } catch (error) {
    run.close();
    throw error;
  }
}

/**
 * What is asked of a finished run and not there, all of which its kept weights can give.
 * @throws StoreError naming what they cannot give; DataError if the run is damaged; both with the command that trains it again
 */
function missingFor(run: RunReader, { request, experiment }: PreparedRun): Missing {
  const again = `train it again with: ${commandOf(request)} --retrain`;
  try {
    verifyRun(run);
  } catch (error) {
    throw error instanceof DataError
      ? new DamagedError(`${error.message}; ${again}`, { cause: error })
      : error;
  }
  const missing = missingFrom(run, experiment);
  const lost = beyondRepair(run, missing);
  if (lost) throw new StoreError(`${run.folder}: this finished run lacks ${lost}; ${again}`);
  return missing;
}

function lacksSome(run: RunReader, prepared: PreparedRun): boolean {
  return missingFor(run, prepared).probes.size > 0;
}

/** A finished run that is open, with all that is asked of it: measured now from its kept weights. Closes it. */
async function filled(run: Run, prepared: PreparedRun): Promise<RunReader> {
  const { backend, description, experiment } = prepared;
  let pool: SvdPool | undefined;
  try {
    const missing = missingFor(run, prepared);
    if (missing.probes.size === 0) return run;
    pool = poolOf(run, prepared);
    const start = await startOf(prepared, run.record);
    const reference = (): NamedArrays => start?.weights ?? experiment.model.init(description.seed);
    const svds = new ReferenceSvds(experiment.model, reference, pool);
    const svd = await pool.description;
    const by = { at: new Date().toISOString(), svd, ...machineOf(backend), code: thisCode() };
    await fillFromWeights(run, experiment, missing, svds, by, prepared.request.signal);
    return run;
  } finally {
    run.close();
    await pool?.close();
  }
}

/** The command that makes the run of a request. */
export function commandOf(request: Omit<RunRequest, "signal">): string {
  const { task, profile, setting, set = {}, seed, order, start, keep, probes, vectors, svd, runs } = request;
  const options: [string, unknown][] = [
    ["from", start && `${start.run.folder}@${start.step}`],
    ["edit", start?.edit && printEdit(start.edit)],
    ["fresh-moments", start?.memory === false],
    ["profile", profile],
    ["setting", setting],
    ["seed", seed],
    ["order", order],
    ...Object.entries(set).map(([key, value]): [string, unknown] => ["set", `${key}=${String(value)}`]),
    ["keep", keep?.join(",")],
    ["probes", probes?.join(",")],
    ["vectors", vectors],
    ["svd", svd],
    ["runs", runs === runsFolder() ? undefined : runs],
  ];
  return trainCommand(task.name, options);
}
