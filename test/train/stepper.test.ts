import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { toTensors } from "spectral-lab/nn/parameters";
import { RecordedStepper } from "spectral-lab/train/recorded-stepper";
import type { TrainingState } from "spectral-lab/train/step";
import { ComposedStepper, type Stepper } from "spectral-lab/train/stepper";
import { type Workload, workloads } from "../../bench/backend/models.js";

let backend: Backend | undefined;
before(async () => {
  backend = await startBackend({ backend: "webgpu" }).catch(() => undefined);
});

/** Batches of a workload with other numbers in their floats: a step must read its own. */
function batchesOf({ batch }: Workload, count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(
      Object.entries(batch as Record<string, unknown>).map(([name, value]) => [
        name,
        value instanceof tf.Tensor && value.dtype === "float32"
          ? tf.tidy(() => tf.mul(value as tf.Tensor, 1 + i / 10))
          : value,
      ]),
    ),
  );
}

function stateOf({ model, optimiser }: Workload): TrainingState {
  const parameters = toTensors(model.init(3));
  return { parameters, buffers: toTensors(model.initBuffers(3)), optimiser: optimiser.init(parameters) };
}

async function course(stepper: Stepper<never>, batches: readonly unknown[]): Promise<unknown> {
  const losses: number[] = [];
  for (const [step, batch] of batches.entries()) {
    const loss = stepper.step([batch as never], step);
    losses.push((await read(loss))[0]);
    loss.dispose();
  }
  const { parameters, buffers, optimiser } = stepper.state;
  const end: unknown[] = [];
  for (const tensors of [parameters, buffers, optimiser.slots])
    for (const [name, tensor] of tensors) end.push([name, Array.from(await read(tensor))]);
  stepper.dispose();
  return { losses, count: optimiser.count, end };
}

for (const [name, make] of Object.entries(workloads(true))) {
  test(`recorded and composed steps agree to the last bit: ${name}`, async (t) => {
    const recorder = backend?.recorder;
    if (!recorder) return t.skip("no backend that records");
    const workload = make();
    const batches = batchesOf(workload, 6);
    const before = tf.memory().numTensors;
    const composed = await course(
      new ComposedStepper(workload.model, workload.optimiser, stateOf(workload)),
      batches,
    );
    const fallbacks: string[] = [];
    const recorded = await course(
      new RecordedStepper(workload.model, workload.optimiser, stateOf(workload), recorder, (why) =>
        fallbacks.push(why),
      ),
      batches,
    );
    assert.deepEqual(fallbacks, []);
    assert.deepEqual(recorded, composed);
    assert.equal(tf.memory().numTensors, before, "nothing is left behind");
    tf.dispose(batches as tf.TensorContainer);
    tf.dispose(workload.batch as tf.TensorContainer);
  });
}
