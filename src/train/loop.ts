import * as tf from "@tensorflow/tfjs";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../core/time.js";
import { stepsOf, toSteps } from "../core/time.js";
import { randomStream } from "../core/random.js";
import { toTensors } from "../nn/parameters.js";
import type { Row } from "../store/rows.js";
import type { Run } from "../store/run.js";
import type { Resumed, RunningLoss } from "./checkpoint.js";
import { packState, unpackState, weightsOf } from "./checkpoint.js";
import { batchesOfStep, epochOrder, stepsPerEpoch } from "./examples.js";
import type { Experiment } from "./experiment.js";
import { PendingLosses } from "./losses.js";
import type { Decomposer } from "./measure.js";
import { MeasurementQueue } from "./queue.js";
import { disposeState, trainStep } from "./step.js";

/** How training is carried out; nothing here changes a number. */
export interface TrainOptions {
  readonly svd: Decomposer;
  /** Stops training at the next step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Seconds between checkpoints to resume from. Default 20. */
  readonly checkpointSeconds?: number;
}

/** Where training is; yielded every few steps. */
export interface Progress {
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
 * Trains an experiment into a run folder: from its last checkpoint if it has one, else from the initialisation.
 * Between any two steps: what is due is measured, then (now and then) a checkpoint is written, then the next update is
 * made. Rows and arrays are written before the checkpoint that covers them, and what lies after a checkpoint is dropped
 * on resuming, so that a run stopped at any moment ends with the same bytes as one that never stopped.
 * @throws TrainingError on a NaN or infinite loss; everything written so far stays
 */
export async function* train<Batch>(
  experiment: Experiment<Batch>,
  run: Run,
  seed: number,
  options: TrainOptions,
): AsyncGenerator<Progress, Outcome> {
  const { model, optimiser, training, batching } = experiment;
  const clock = clockOf(experiment as Experiment);
  const kept = new Set(stepsOf(experiment.checkpoints, clock));
  const losses = new PendingLosses();
  const checkpointMs = 1000 * (options.checkpointSeconds ?? 20);
  const epochAt = (step: number): number => step / clock.stepsPerEpoch;

  const resumed = await resume(experiment, run);
  const queue = new MeasurementQueue(experiment, clock, run, options.svd, seed);
  const from = resumed ?? initialise(experiment, seed);
  const running: RunningLoss = from.running;
  let state = from.state;
  let step = from.step;
  let measured = resumed !== undefined; // a checkpoint is written after the measurement of its step
  let order: { epoch: number; indices: Int32Array } | undefined;
  let fullBatch: Batch | undefined;
  let lastCheckpoint = performance.now();
  let lastReport = -Infinity; // where training begins is reported at once

  const settle = async (): Promise<number[]> => {
    const values = await losses.read(state.parameters);
    for (const value of values) running.sum += value;
    running.count += values.length;
    return values;
  };
  const checkpoint = async (): Promise<void> => {
    await queue.drain();
    const { arrays, metadata } = await packState(state, running);
    run.writeCheckpoint(step, arrays, metadata);
    lastCheckpoint = performance.now();
  };
  const batchesOf = (at: number): Batch[] => {
    const epoch = Math.floor(at / clock.stepsPerEpoch);
    const stepInEpoch = at % clock.stepsPerEpoch;
    if (order?.epoch !== epoch) {
      order = { epoch, indices: epochOrder(training.count, batching.batchSize, seed, epoch) };
    }
    return batchesOfStep(order.indices, batching, stepInEpoch).map((indices, i) =>
      training.batch(indices, randomStream(seed, `batch/epoch/${epoch}/step/${stepInEpoch}/${i}`)),
    );
  };

  try {
    for (; ; step++) {
      const due = !measured && queue.isDue(step);
      measured = false;
      const report = losses.count >= LOSSES_IN_FLIGHT || performance.now() - lastReport > REPORT_MS;
      if (due || report || kept.has(step) || step >= queue.end || options.signal?.aborted) {
        const values = await settle();
        if (due) await queue.measure(step, epochAt(step), state, takeRunning(running));
        yield { step, totalSteps: queue.end, epoch: epochAt(step), losses: values, rows: queue.takeRows() };
        lastReport = performance.now();
      }
      if (kept.has(step)) run.writeWeights(step, await weightsOf(state));
      if (step >= queue.end) break;
      if (options.signal?.aborted || performance.now() - lastCheckpoint > checkpointMs) {
        await settle();
        await checkpoint();
        if (options.signal?.aborted) return { status: "interrupted", step, epoch: epochAt(step) };
      }
      const reuse = training.fixed && clock.stepsPerEpoch === 1 && (batching.accumulation ?? 1) === 1;
      const batches = reuse ? [(fullBatch ??= batchesOf(step)[0])] : batchesOf(step);
      const next = trainStep(model, optimiser, state, batches);
      if (!reuse) tf.dispose(batches as tf.TensorContainer);
      losses.push(step, next.loss);
      disposeState(state, next.state);
      state = next.state;
      await setImmediate(); // timers, interrupts and worker messages get their turn
    }
    await queue.drain();
    yield { step, totalSteps: step, epoch: epochAt(step), losses: [], rows: queue.takeRows() };
    run.writeWeights(step, await weightsOf(state));
    return { status: "finished", step, epoch: epochAt(step) };
  } catch (error) {
    await queue.drain().catch(() => undefined); // keep what other measurements found; report the first failure
    throw error;
  } finally {
    losses.dispose();
    disposeState(state);
    if (fullBatch) tf.dispose(fullBatch as tf.TensorContainer);
  }
}

function takeRunning(running: RunningLoss): number | undefined {
  const mean = running.count > 0 ? running.sum / running.count : undefined;
  running.sum = running.count = 0;
  return mean;
}

function initialise<Batch>({ model, optimiser }: Experiment<Batch>, seed: number): Resumed {
  const parameters = toTensors(model.init(seed));
  const buffers = toTensors(model.initBuffers(seed));
  return {
    step: 0,
    state: { parameters, buffers, optimiser: optimiser.init(parameters) },
    running: { sum: 0, count: 0 },
  };
}

async function resume<Batch>({ model }: Experiment<Batch>, run: Run): Promise<Resumed | undefined> {
  const found = run.resumeFrom();
  if (!found) return undefined;
  return unpackState(found.path, found.step, found, {
    parameters: model.init(0).keys(),
    buffers: model.initBuffers(0).keys(),
  });
}
