import { setImmediate } from "node:timers/promises";
import { chosenBackend } from "../backend/chosen.js";
import type { NamedArrays } from "../core/array.js";
import { DataError } from "../core/errors.js";
import type { Clock } from "../core/time.js";
import { stepsOf, toSteps } from "../core/time.js";
import type { Parameters } from "../nn/model.js";
import { disposeParameters, toTensors } from "../nn/parameters.js";
import { heldNorms } from "../optim/held-norms.js";
import { masked } from "../optim/masked.js";
import type { Optimiser } from "../optim/optimiser.js";
import type { Row } from "../store/rows.js";
import type { Run } from "../store/run.js";
import { Batches } from "./batches.js";
import { CheckpointClock } from "./checkpoint-clock.js";
import { packMemory, packState, type RunningLoss, type Start, unpackState, weightsOf } from "./checkpoint.js";
import { stepsPerEpoch } from "./examples.js";
import { Evaluator } from "./evaluator.js";
import type { Experiment } from "./experiment.js";
import { PendingLosses } from "./losses.js";
import type { Decomposer } from "./measure.js";
import { normsAt } from "./norm-course.js";
import { MeasurementQueue } from "./queue.js";
import { stepperOf } from "./recorded-stepper.js";
import { ReferenceSvds } from "./snapshot.js";
import { initialisation, splitFor, stateOf } from "./start.js";

/** The seeds of a run's streams of chance. */
export interface Streams {
  /** Draws the initialisation. */
  readonly init: number;
  /** Draws the order of examples, and everything random in batches. */
  readonly order: number;
}

/** What is trained from, and how training is carried out. */
export interface TrainOptions {
  readonly streams: Streams;
  /** Default the initialisation of `streams.init`, at step 0. */
  readonly start?: Start;
  /** The weights that probes compare with. Default those of `start`, else the initialisation. */
  readonly reference?: NamedArrays;
  readonly svd: Decomposer;
  /** Stops training at the next step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /**
   * Least seconds between checkpoints to resume from; more where they would take more than 3 % of the time. Default 20.
   */
  readonly checkpointSeconds?: number;
  /** Told in a sentence, once each, why steps or evaluations are not recorded though the backend records. Default a process warning. */
  readonly onComposed?: (why: string) => void;
  /** Keeps the optimiser's memory at the end too, for runs that go on from there. Default false. */
  readonly keepLastMemory?: boolean;
}

/** Where training is; yielded every few steps. */
export interface TrainingProgress {
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  /** Training-mode losses of the steps since the last yield. */
  readonly losses: readonly number[];
  /** Rows measured since the last yield. */
  readonly rows: readonly Row[];
}

/** How training ended. */
export interface Outcome {
  readonly status: "finished" | "interrupted";
  readonly step: number;
  readonly epoch: number;
}

const LOSSES_IN_FLIGHT = 16;
const REPORT_MS = 100;

/** The clock of an experiment: its steps per epoch and in all. */
export function clockOf(experiment: Experiment): Clock {
  const perEpoch = stepsPerEpoch(experiment.training.count, experiment.batching);
  return {
    stepsPerEpoch: perEpoch,
    totalSteps: toSteps(experiment.length, { stepsPerEpoch: perEpoch, totalSteps: 0 }),
  };
}

/**
 * Trains an experiment into a run folder: from its last checkpoint if it has one, else from `options.start`, else from
 * the initialisation, to the experiment's end. Schedules, epochs and order go by the global step: a start inside an epoch
 * takes the batches at the remaining positions of that epoch's own shuffle.
 * Between any two steps: what is due is measured, then (now and then) a checkpoint is written, then the next update is
 * made. Rows and arrays are written before the checkpoint that covers them, and what lies after a checkpoint is dropped
 * on resuming, so that a run stopped at any moment ends with the same bytes as one that never stopped. Whoever resumes
 * gives the same options, masks and norms included. An abandoned generator (`return()`, `break`) waits for the measurements under
 * way and frees all tensors.
 * @throws TrainingError on a NaN or infinite loss; everything written so far stays
 * @throws DataError for a start that is another model's or lies beyond the end
 */
export async function* train<Batch>(
  experiment: Experiment<Batch>,
  run: Run,
  options: TrainOptions,
): AsyncGenerator<TrainingProgress, Outcome> {
  const { model, training, batching } = experiment;
  const { streams, start, signal } = options;
  const clock = clockOf(experiment as Experiment);
  checkStep(start, clock);
  const kept = new Set(stepsOf(experiment.checkpoints, clock));
  const losses = new PendingLosses();
  const epochAt = (step: number): number => step / clock.stepsPerEpoch;

  const found = run.resumeFrom(unpackState);
  const from = found ? unpackState(found) : start;
  const place = found?.path ?? "start";
  const split = from ? splitFor(place, model, from.weights) : initialisation(model, streams.init);
  const reference = options.reference ?? start?.weights;
  const svds = new ReferenceSvds(model, () => reference ?? model.init(streams.init), options.svd);
  const recorder = chosenBackend()?.recorder;
  const composed = (what: string) => (why: string) =>
    (options.onComposed ?? warnComposed)(`${what} are not recorded, and slower: ${why}`);
  const evaluator = new Evaluator(model, composed("evaluations"), recorder);
  const queue = new MeasurementQueue(experiment, clock, run, options.svd, svds, evaluator, start?.end);
  const running: RunningLoss = { sum: 0, count: 0, ...from?.running };
  const checkpoints = new CheckpointClock(1000 * (options.checkpointSeconds ?? 20));
  const batches = new Batches(training, batching, streams.order);
  const initial = stateOf(place, split, experiment.optimiser, { memory: from?.memory, masks: start?.masks });
  const masks = toTensors(start?.masks ?? new Map());
  const optimiser = wrapped(experiment.optimiser, start, masks);
  const stepper = stepperOf(model, optimiser, initial, recorder, composed("training steps"));
  const first = from?.step ?? 0;
  let step = first;
  let measured = found !== undefined; // a checkpoint is written after the measurement of its step
  let lastReport = -Infinity; // where training begins is reported at once

  const settle = async (): Promise<number[]> => {
    const values = await losses.read(stepper.state.parameters);
    for (const value of values) running.sum += value;
    running.count += values.length;
    return values;
  };
  const checkpoint = async (): Promise<void> => {
    await settle();
    await queue.drain(); // training and measuring that is waited for here is no cost of the checkpoint
    await checkpoints.write(async () => {
      const { arrays, metadata } = await packState(stepper.state, running);
      run.writeCheckpoint(step, arrays, metadata);
    });
  };
  const keep = async (): Promise<void> => {
    if (step > 0 && (step < queue.end || options.keepLastMemory)) {
      const { arrays, metadata } = await packMemory(
        stepper.state,
        running,
        queue.goalMet ? queue.end : undefined,
      );
      run.writeMemory(step, arrays, metadata);
    }
    run.writeWeights(step, await weightsOf(stepper.state));
  };

  try {
    for (; ; step++) {
      // Nothing was done yet that a checkpoint could keep: the first measurement, which may take minutes, is not begun.
      if (step === first && !found && signal?.aborted)
        return { status: "interrupted", step, epoch: epochAt(step) };
      const due = !measured && queue.isDue(step);
      measured = false;
      const report = losses.count >= LOSSES_IN_FLIGHT || performance.now() - lastReport > REPORT_MS;
      if (due || report || kept.has(step) || step >= queue.end || signal?.aborted) {
        const values = await settle();
        if (due) await queue.measure(step, epochAt(step), stepper.hold(), takeRunning(running));
        yield { step, totalSteps: queue.end, epoch: epochAt(step), losses: values, rows: queue.takeRows() };
        lastReport = performance.now();
      }
      const last = step >= queue.end;
      if (last || kept.has(step)) await keep();
      if (last) break;
      if (signal?.aborted || checkpoints.isDue()) {
        await checkpoint();
        if (signal?.aborted) return { status: "interrupted", step, epoch: epochAt(step) };
      }
      const held = batches.of(step);
      losses.push(step, stepper.step(held, step));
      batches.release(held);
      await setImmediate(); // timers, interrupts and worker messages get their turn
    }
    await queue.drain();
    yield { step, totalSteps: step, epoch: epochAt(step), losses: [], rows: queue.takeRows() };
    return { status: "finished", step, epoch: epochAt(step) };
  } finally {
    await queue.close(); // keeps what other measurements found where one failed
    losses.dispose();
    batches.dispose();
    stepper.dispose();
    evaluator.dispose();
    disposeParameters(masks);
  }
}

/** An optimiser that keeps a start's masks and norms. */
function wrapped(inner: Optimiser, start: Start | undefined, masks: Parameters): Optimiser {
  const sparse = start?.masks ? masked(masks, inner) : inner;
  const { norms } = start ?? {};
  return norms ? heldNorms([...norms.norms.keys()], (step) => normsAt(norms, step), sparse) : sparse;
}

function warnComposed(sentence: string): void {
  process.emitWarning(sentence);
}

function takeRunning(running: RunningLoss): number | undefined {
  const mean = running.count > 0 ? running.sum / running.count : undefined;
  running.sum = running.count = 0;
  return mean;
}

function checkStep(start: Start | undefined, { totalSteps }: Clock): void {
  if (!start || (Number.isInteger(start.step) && start.step >= 0 && start.step <= totalSteps)) return;
  throw new DataError(`start: expected a step in 0 .. ${totalSteps}, the run's end, found ${start.step}`);
}
