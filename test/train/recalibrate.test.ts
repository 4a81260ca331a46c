import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import type { Model, Parameters } from "spectral-lab/nn/model";
import { batchNorm, normSpecs, runningSpecs } from "spectral-lab/nn/normalisation";
import { initialise } from "spectral-lab/nn/initialise";
import { toArrays, toTensors } from "spectral-lab/nn/parameters";
import type { Examples } from "spectral-lab/train/examples";
import { recalibrate } from "spectral-lab/train/recalibrate";
import { numbers, toyModel } from "./toy.js";

before(() => startBackend({ backend: "wasm" }));

const CHANNELS = 2;
const COUNT = 10;
const values = numbers(COUNT * 3 * CHANNELS, "recalibrate"); // examples of 3 positions

/** One batch normalisation and nothing else. */
const model = {
  initBuffers: () => initialise(runningSpecs("bn", CHANNELS), 0),
  statistics(parameters, buffers, batch) {
    let running: Parameters = new Map();
    tf.tidy(() => {
      ({ running } = batchNorm(parameters, buffers, "bn", batch, { momentum: 1 }));
      running.forEach((tensor) => tf.keep(tensor));
    });
    return running;
  },
} as Pick<Model<tf.Tensor4D>, "initBuffers" | "statistics"> as Model<tf.Tensor4D>;
const examples: Examples<tf.Tensor4D> = {
  count: COUNT,
  batch: (indices) => {
    const data = Array.from(indices).flatMap((i) => [...values.subarray(6 * i, 6 * i + 6)]);
    return tf.tensor4d(data, [indices.length, 3, 1, CHANNELS]);
  },
};

test("every batch counts the same, the short one too, with its unbiased variance", async () => {
  const moments = [0, 4, 8].map((start) => {
    const part = values.subarray(6 * start, 6 * Math.min(COUNT, start + 4));
    return [0, 1].map((channel) => {
      const x = Array.from(part).filter((_, i) => i % CHANNELS === channel);
      const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
      return [mean, x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (x.length - 1)];
    });
  });
  const tensors = tf.memory().numTensors;
  const parameters = toTensors(initialise(normSpecs("bn", CHANNELS), 0));
  const wild = new Map([["bn.running_mean", tf.fill([CHANNELS], 1e6)]]);
  const found = await recalibrate(model, parameters, wild, examples, { batchSize: 4 });
  const host = await toArrays(found);
  for (const [m, name] of ["bn.running_mean", "bn.running_var"].entries()) {
    for (const channel of [0, 1]) {
      const expected = moments.reduce((sum, batch) => sum + batch[channel][m] / 3, 0);
      assert.ok(Math.abs(Number(host.get(name)!.data[channel]) - expected) < 1e-6, name);
    }
  }
  for (const map of [parameters, wild, found]) map.forEach((tensor: tf.Tensor) => tensor.dispose());
  assert.equal(tf.memory().numTensors, tensors);
});

test("a model without running statistics gets a copy of its buffers", async () => {
  const buffers = new Map([["frequencies", tf.tensor1d([1, 2])]]);
  const copy = await recalibrate(toyModel, new Map(), buffers, examples as Examples<never>, { batchSize: 4 });
  assert.deepEqual([...(await copy.get("frequencies")!.data())], [1, 2]);
  assert.notEqual(copy.get("frequencies"), buffers.get("frequencies"));
});
