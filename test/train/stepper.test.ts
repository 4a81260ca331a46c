import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import type { WebGpuBackend } from "spectral-lab/backend/webgpu/start";
import type { ImageTensors } from "spectral-lab/models/classification";
import { randomStream } from "spectral-lab/core/random";
import type { Model } from "spectral-lab/nn/model";
import { adamw } from "spectral-lab/optim/adamw";
import { clipByGlobalNorm } from "spectral-lab/optim/clip";
import { heldNorms } from "spectral-lab/optim/held-norms";
import { masked } from "spectral-lab/optim/masked";
import { sgd } from "spectral-lab/optim/sgd";
import { RecordedStepper } from "spectral-lab/train/recorded-stepper";
import { courses, freshState, type Trained } from "./courses.js";
import { toyImages, toyModel } from "./toy.js";

let backend: Backend | undefined;
before(async () => {
  backend = await startBackend({ backend: "webgpu" }).catch(() => undefined);
});
const noRecorder = "no backend that records";

/** Decay, clipping and masks that change what is trained; a learning rate that changes at every step. */
function optimiserOf(kind: string, masks: Map<string, tf.Tensor>) {
  const learningRate = (step: number): number => 0.1 / (step + 1);
  if (kind === "sgd") return sgd({ learningRate, momentum: 0.9, weightDecay: 0.01 });
  const inner = clipByGlobalNorm(0.5, adamw({ learningRate, weightDecay: 0.1 }));
  if (kind === "adamw, clipped") return inner;
  if (kind === "adamw, clipped, masked") return masked(masks, inner);
  return heldNorms(["layers.0.weight"], (step) => new Map([["layers.0.weight", 2 + step]]), inner);
}

const model = toyModel as unknown as Model<never>;
for (const kind of ["sgd", "adamw, clipped", "adamw, clipped, masked", "adamw, clipped, norms held"]) {
  test(`recorded and composed steps agree to the last bit: ${kind}`, async (t) => {
    const recorder = backend?.recorder;
    if (!recorder) return t.skip(noRecorder);
    const masks = new Map(
      [...toyModel.shapes].map(([name, shape]): [string, tf.Tensor] => [
        name,
        tf.tidy(() => tf.cast(tf.greater(tf.randomUniform([...shape], -1, 1, "float32", 1), 0), "float32")),
      ]),
    );
    const examples = toyImages(14);
    // Batches of two sizes, as at the end of every epoch.
    const batches = [4, 4, 4, 2, 4, 4, 2, 2, 2, 4, 4].map((n, i) =>
      examples.batch(
        Int32Array.from({ length: n }, (_, k) => (3 * i + k) % 14),
        randomStream(0, "batch"),
      ),
    );
    const { composed, recorded, fallbacks } = await courses(
      { model, optimiser: optimiserOf(kind, masks) },
      batches,
      recorder,
    );
    assert.deepEqual(fallbacks, []);
    assert.deepEqual(recorded, composed);
    assert.equal(new Set(recorded.losses).size, batches.length);
    tf.dispose([batches, [...masks.values()]] as tf.TensorContainer);
  });
}

/** The toy's training with a forward pass that is changed. */
function trainedWith(loss: Model<ImageTensors>["loss"]): Trained {
  return { model: { ...toyModel, loss } as unknown as Model<never>, optimiser: sgd({ learningRate: 0.1 }) };
}

function toyBatches(count: number, size = 4): ImageTensors[] {
  const examples = toyImages(14);
  return Array.from({ length: count }, (_, i) =>
    examples.batch(
      Int32Array.from({ length: size }, (_, k) => (i + k) % 14),
      randomStream(0, "batch"),
    ),
  );
}

test("a step that differs from step to step is composed, and says so once", async (t) => {
  const recorder = backend?.recorder;
  if (!recorder) return t.skip(noRecorder);
  const course = (): Trained => {
    let calls = 0;
    return trainedWith((...given) => {
      const factor = 1 + calls++ / 10; // a number of the host, which a recording would keep
      return { loss: tf.mul(toyModel.loss(...given).loss, factor) };
    });
  };
  // Once for composed and once for recorded steps: each counts its own calls.
  const batches = toyBatches(6);
  const once = course();
  const twice = course();
  const { composed } = await courses(once, batches, recorder);
  const { composed: again, recorded, fallbacks } = await courses(twice, batches, recorder);
  assert.deepEqual(again, composed);
  assert.notDeepEqual(recorded, composed, "calls went on counting");
  assert.equal(fallbacks.length, 1);
  assert.match(fallbacks[0], /other numbers are written from the host|differs from step to step/);
  tf.dispose(batches as never);
});

test("batches of many kinds are composed beyond a few, and say so once", async (t) => {
  const recorder = backend?.recorder;
  if (!recorder) return t.skip(noRecorder);
  const batches = [1, 2, 3, 4, 5, 6, 1, 2, 6, 1].flatMap((size) => toyBatches(1, size));
  const trained = { model, optimiser: sgd({ learningRate: 0.1, momentum: 0.9 }) };
  const { composed, recorded, fallbacks } = await courses(trained, batches, recorder);
  assert.deepEqual(recorded, composed);
  assert.deepEqual(fallbacks, [
    "there are more than 4 kinds of batches (shapes, or numbers that lie on the host)",
  ]);
  tf.dispose(batches as never);
});

test("weights that are held stay as they are while steps go on", async (t) => {
  const recorder = backend?.recorder;
  if (!recorder) return t.skip(noRecorder);
  const trained = { model, optimiser: sgd({ learningRate: 0.1 }) };
  const stepper = new RecordedStepper(model, trained.optimiser, freshState(trained), recorder, assert.fail);
  const batches = toyBatches(8);
  const steps = (from: number, to: number): void =>
    batches.slice(from, to).forEach((batch, i) => stepper.step([batch as never], from + i).dispose());
  steps(0, 5);
  const name = "layers.1.weight";
  const held = stepper.hold();
  const [then, now] = await Promise.all([
    read(held.parameters.get(name)!),
    read(stepper.state.parameters.get(name)!),
  ]);
  assert.deepEqual(then, now);
  steps(5, 8);
  assert.deepEqual(await read(held.parameters.get(name)!), then);
  assert.notDeepEqual(await read(stepper.state.parameters.get(name)!), then);
  held.parameters.forEach((tensor) => tensor.dispose());
  stepper.dispose();
  tf.dispose(batches as never);
});

test("what recordings held on the device is given back with the last of them", async (t) => {
  const recorder = backend?.recorder;
  if (!recorder) return t.skip(noRecorder);
  const { counters } = backend as WebGpuBackend;
  const trained = { model, optimiser: sgd({ learningRate: 0.1 }) };
  const batches = toyBatches(5);
  const recordedStepper = (): RecordedStepper<never> => {
    const stepper = new RecordedStepper(model, trained.optimiser, freshState(trained), recorder, assert.fail);
    batches.forEach((batch, i) => stepper.step([batch as never], i).dispose());
    assert.ok(stepper.recording);
    return stepper;
  };
  const [one, other] = [recordedStepper(), recordedStepper()];
  const { destroyed } = counters();
  one.dispose();
  assert.equal(counters().destroyed, destroyed);
  other.dispose();
  assert.ok(counters().destroyed > destroyed);
  tf.dispose(batches as never);
});
