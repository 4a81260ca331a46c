import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import type { Recorder } from "spectral-lab/backend/recording";
import type { Model } from "spectral-lab/nn/model";
import type { Optimiser } from "spectral-lab/optim/optimiser";
import { RecordedStepper } from "spectral-lab/train/recorded-stepper";
import { initialisation, stateOf } from "spectral-lab/train/start";
import type { TrainingState } from "spectral-lab/train/step";
import { ComposedStepper, type Stepper } from "spectral-lab/train/stepper";

/** What is trained. */
export interface Trained {
  readonly model: Model<never>;
  readonly optimiser: Optimiser;
}

/** Everything that training left: bits, not roundings. */
export interface Course {
  readonly losses: readonly number[];
  readonly count: number;
  readonly end: readonly (readonly [string, readonly number[]])[];
}

/** Batches like one, with other numbers in their floats: a step must read its own. */
export function batchesOf(batch: object, count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, value]: [string, unknown]) => [
        name,
        value instanceof tf.Tensor && value.dtype === "float32"
          ? tf.mul(value as tf.Tensor, 1 + i / 10)
          : value,
      ]),
    ),
  );
}

export function freshState({ model, optimiser }: Trained): TrainingState {
  return stateOf("test", initialisation(model, 3), optimiser);
}

/** One update for each batch; disposes of the stepper. */
export async function course(stepper: Stepper<never>, batches: readonly unknown[]): Promise<Course> {
  const losses: number[] = [];
  for (const [step, batch] of batches.entries()) {
    const loss = stepper.step([batch as never], step);
    losses.push((await read(loss))[0]);
    loss.dispose();
  }
  const { parameters, buffers, optimiser } = stepper.state;
  const end: [string, number[]][] = [];
  for (const tensors of [parameters, buffers, optimiser.slots])
    for (const [name, tensor] of tensors) end.push([name, Array.from(await read(tensor))]);
  stepper.dispose();
  return { losses, count: optimiser.count, end };
}

/** The same training with composed and with recorded steps, and what the latter said of why they were not. */
export async function courses(
  trained: Trained,
  batches: readonly unknown[],
  recorder: Recorder,
): Promise<{ composed: Course; recorded: Course; fallbacks: string[] }> {
  const { model, optimiser } = trained;
  const before = tf.memory().numTensors;
  const composed = await course(new ComposedStepper(model, optimiser, freshState(trained)), batches);
  const fallbacks: string[] = [];
  const recorded = await course(
    new RecordedStepper(model, optimiser, freshState(trained), recorder, (why) => fallbacks.push(why)),
    batches,
  );
  assert.equal(tf.memory().numTensors, before, "nothing is left behind");
  return { composed, recorded, fallbacks };
}
