import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import type { ImageTensors } from "spectral-lab/models/classification";
import { mlp } from "spectral-lab/models/mlp";
import { toArrays, toTensors } from "spectral-lab/nn/parameters";
import { sgd } from "spectral-lab/optim/sgd";
import { disposeState, type TrainingState, trainStep } from "spectral-lab/train/step";

before(() => startBackend({ backend: "js" }));

const model = mlp({ inputs: 6, hidden: 5, layers: 2, classes: 3 });
const optimiser = sgd({ learningRate: 0.1, momentum: 0.9 });
const start = (): TrainingState => {
  const parameters = toTensors(model.init(3));
  return { parameters, buffers: new Map(), optimiser: optimiser.init(parameters) };
};
const images = Float32Array.from({ length: 48 }, (_, i) => Math.sin(i));
const batch = (from: number, to: number): ImageTensors => ({
  images: tf.tensor4d(images.slice(6 * from, 6 * to), [to - from, 1, 2, 3]),
  labels: tf.tensor1d([0, 1, 2, 0, 1, 2, 0, 1].slice(from, to), "int32"),
});

test("accumulated batches make the step of the whole batch", async () => {
  const whole = trainStep(model, optimiser, start(), [batch(0, 8)], 0);
  const parts = trainStep(model, optimiser, start(), [batch(0, 4), batch(4, 8)], 0);
  const expected = await toArrays(whole.state.parameters);
  for (const [name, { data }] of await toArrays(parts.state.parameters)) {
    const other = expected.get(name)!.data;
    data.forEach((value: number | bigint, i: number) =>
      assert.ok(Math.abs(Number(value) - Number(other[i])) < 1e-6, `${name}[${i}]`),
    );
  }
  assert.ok(Math.abs((await whole.loss.data())[0] - (await parts.loss.data())[0]) < 1e-6);
});

test("a step leaves nothing behind", () => {
  for (const batches of [[batch(0, 8)], [batch(0, 3), batch(3, 6), batch(6, 8)]]) {
    let state = start();
    const counts: number[] = [];
    for (let i = 0; i < 5; i++) {
      const next = trainStep(model, optimiser, state, batches, i);
      next.loss.dispose();
      disposeState(state, next.state);
      state = next.state;
      counts.push(tf.memory().numTensors);
    }
    assert.equal(new Set(counts).size, 1, `${counts}`);
  }
});
