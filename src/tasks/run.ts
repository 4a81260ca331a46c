import type { Backend } from "../backend/backend.js";
import { startBackend } from "../backend/start.js";
import { messageOf, StoreError } from "../core/errors.js";
import type { Provenance } from "../data/dataset.js";
import { obtain } from "../data/obtain.js";
import { PUBLIC_SETS } from "../data/sources.js";
import { SvdPool } from "../linalg/pool.js";
import { runsFolder } from "../store/paths.js";
import type { RunIdentity } from "../store/record.js";
import { findRun, openRun } from "../store/run.js";
import type { RunReader } from "../store/stored-run.js";
import { type Outcome, train, type TrainingProgress } from "../train/loop.js";
import { type BuildOptions, type Choice, configOf, type Task } from "./task.js";
import { versions } from "./versions.js";

/** A training run that is asked for. */
export interface RunRequest extends Choice {
  readonly task: Task;
  /** Default 0. */
  readonly seed?: number;
  /** A backend's name; default the best one. */
  readonly backend?: string;
  /** Folder of runs; default `runsFolder()`. */
  readonly runs?: string;
  /** Stops training at the next step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Seconds between checkpoints to resume from. */
  readonly checkpointSeconds?: number;
  /** How data are opened. */
  readonly data?: BuildOptions;
}

/** What is known when training starts, and then where it is. */
export interface RunProgress extends TrainingProgress {
  readonly identity: RunIdentity;
  readonly backend: Backend;
  readonly data: Provenance;
}

/** What a request names: task, seed and full configuration. @throws ConfigError */
export function identityOf(request: Pick<RunRequest, "task" | "seed" | keyof Choice>): RunIdentity {
  const { task, seed = 0, profile = "quick" } = request;
  return { task: task.name, seed, config: configOf(task, request), defaults: task.defaults, profile };
}

/**
 * The same request with it settled which data it trains on: the real ones where they lie on this machine or can be
 * downloaded, else the generated stand-in, which is part of the run's identity. The quick profile does not download by
 * itself: a minute's training is not worth gigabytes (`spectral data get NAME` fetches them).
 * @throws DataError if there are real data and they are damaged
 */
export async function withData(request: RunRequest): Promise<RunRequest> {
  const { task, set = {}, profile = "quick" } = request;
  if (task.dataSet === undefined || set.standIn !== undefined || configOf(task, request).standIn)
    return request;
  const allowDownload = profile === "quick" ? false : undefined;
  const found = await obtain(PUBLIC_SETS[task.dataSet], {
    signal: request.signal,
    allowDownload,
    ...request.data,
  });
  return "absent" in found ? { ...request, set: { ...set, standIn: true } } : request;
}

/** The run of a request if it is there and finished. */
export function finishedRun(request: RunRequest): RunReader | undefined {
  const run = findRun(request.runs ?? runsFolder(), identityOf(request));
  return run?.record.status === "finished" ? run : undefined;
}

/**
 * Trains the run of a request (see `withData`), or goes on with it where it was stopped; a finished one is returned as
 * it is.
 * @throws ConfigError, BackendError, DataError, StoreError, TrainingError; the run's record then says "failed" and why,
 * and all that was measured stays
 */
export async function* runTask(
  request: RunRequest,
): AsyncGenerator<RunProgress, { run: RunReader; outcome: Outcome }> {
  const { task, seed = 0, runs = runsFolder(), signal, checkpointSeconds } = request;
  const identity = identityOf(request);
  const done = finishedRun(request);
  if (done) {
    const { step = 0, epoch = 0 } = done.record;
    return { run: done, outcome: { status: "finished", step, epoch } };
  }
  const backend = await startBackend({ backend: request.backend });
  // Before the run is opened: a network or data that cannot be built leave no failed run behind.
  const experiment = await task.build(identity.config, seed, { signal, ...request.data });
  const run = openRun(runs, identity);
  const pool = new SvdPool();
  const started = performance.now();
  const before = run.record.timings.training ?? 0;
  const timings = (): Record<string, number> => ({
    ...run.record.timings,
    training: before + (performance.now() - started) / 1000,
  });
  try {
    checkSameData(run, experiment.data);
    const { backend: lastBackend, device: lastDevice } = run.record;
    run.update({
      status: "running",
      versions: versions(backend),
      backend: backend.name,
      device: backend.device,
      data: experiment.data,
      failure: undefined,
    });
    const training = train(experiment, run, {
      streams: { init: seed, order: seed },
      svd: pool,
      signal,
      checkpointSeconds,
    });
    let next = await training.next();
    const elsewhere = lastBackend !== backend.name || lastDevice !== backend.device;
    if (lastBackend && lastDevice && elsewhere && !next.done) {
      const stretch = { backend: lastBackend, device: lastDevice, until: next.value.step };
      run.update({ earlier: [...(run.record.earlier ?? []), stretch] });
    }
    for (; !next.done; next = await training.next())
      yield { ...next.value, identity, backend, data: experiment.data };
    const outcome = next.value;
    const finished = outcome.status === "finished";
    run.update({
      status: outcome.status,
      step: outcome.step,
      epoch: outcome.epoch,
      timings: timings(),
      peakMemory: Math.max(run.record.peakMemory ?? 0, 1024 * process.resourceUsage().maxRSS),
      ...(finished && { finished: new Date().toISOString() }),
    });
    if (finished) run.pruneCheckpoints(0);
    return { run, outcome };
  } catch (error) {
    run.update({ status: "failed", failure: messageOf(error), timings: timings() });
    throw error;
  } finally {
    run.close();
    await pool.close();
  }
}

/** A run goes on with the data that it was started on, or not at all. @throws StoreError */
function checkSameData({ record, folder }: RunReader, data: Provenance): void {
  if (!record.data || (record.data.name === data.name && record.data.examples === data.examples)) return;
  throw new StoreError(
    `${folder}: expected to go on with ${record.data.name} (${record.data.examples} examples), ` +
      `found ${data.name} (${data.examples} examples). Move that folder away to train anew`,
  );
}
