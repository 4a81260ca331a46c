import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { vgg } from "spectral-lab/models/vgg";
import type { Parameters } from "spectral-lab/nn/model";
import { toArrays, toTensors } from "spectral-lab/nn/parameters";
import { randomTensor } from "../support/finite-differences.js";
import { evaluateBatch } from "spectral-lab/train/evaluate";

before(async () => {
  await startBackend({ backend: "wasm" });
});

const batchOf = (seed: number): { images: tf.Tensor4D; labels: tf.Tensor1D } => ({
  images: randomTensor([4, 32, 32, 3], seed),
  labels: tf.tensor1d([0, 1, 2, 3], "int32"),
});

const largestDifference = async (a: Parameters, b: Parameters): Promise<number> => {
  const [x, y] = [await toArrays(a), await toArrays(b)];
  return Math.max(
    ...[...x].flatMap(([name, { data }]) =>
      Array.from(data as Float32Array, (v, i) => Math.abs(v - (y.get(name)!.data[i] as number))),
    ),
  );
};

test("a batch's statistics are what a training pass blends in, whatever the buffers were", async () => {
  const model = vgg({ depth: 11, width: 1 / 32 });
  const parameters = toTensors(model.init(0));
  const fresh = toTensors(model.initBuffers(0));
  const [first, second] = [1, 2].map((seed) => model.statistics!(parameters, fresh, batchOf(seed)));
  assert.ok((await largestDifference(second, first)) > 1e-3);
  const wild = new Map([...fresh].map(([name, t]) => [name, tf.add(t, 100)]));
  assert.ok((await largestDifference(model.statistics!(parameters, wild, batchOf(1)), first)) < 1e-5);
  const moved = model.loss(parameters, fresh, batchOf(1)).buffers!;
  const blended = new Map(
    [...fresh].map(([name, t]) => [name, tf.add(tf.mul(t, 0.9), tf.mul(first.get(name)!, 0.1))]),
  );
  assert.ok((await largestDifference(moved, blended)) < 1e-5);
});

test("a training pass moves the running statistics; evaluation does not depend on the rest of the batch", async () => {
  const model = vgg({ depth: 11, width: 1 / 32 });
  const parameters = toTensors(model.init(0));
  const buffers = toTensors(model.initBuffers(0));
  const { images, labels } = batchOf(1);
  const moved = model.loss(parameters, buffers, { images, labels }).buffers!;
  assert.deepEqual([...moved.keys()], [...buffers.keys()]);
  const whole = await evaluateBatch(model, parameters, moved, { images, labels });
  let sum = 0;
  for (let i = 0; i < 4; i++) {
    const one = { images: tf.slice(images, [i, 0, 0, 0], [1, 32, 32, 3]), labels: tf.slice(labels, i, 1) };
    sum += (await evaluateBatch(model, parameters, moved, one)).loss.sum;
  }
  assert.ok(Math.abs(sum - whole.loss.sum) < 1e-4);
});
