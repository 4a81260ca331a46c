import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { batchNorm, batchNormEval, groupNorm, layerNorm } from "spectral-lab/nn/normalisation";
import { randomTensor } from "../support/finite-differences.js";

before(async () => {
  await startBackend({ backend: "js" });
});

const unit = (channels: number): Map<string, tf.Tensor> =>
  new Map<string, tf.Tensor>([
    ["n.weight", tf.ones([channels])],
    ["n.bias", tf.zeros([channels])],
  ]);

async function momentsOf(x: tf.Tensor, axes: number[]): Promise<[number[], number[]]> {
  const { mean, variance } = tf.moments(x, axes);
  return [Array.from(await mean.data()), Array.from(await variance.data())];
}

function assertAll(values: number[], expected: number, tolerance: number): void {
  for (const value of values)
    assert.ok(Math.abs(value - expected) < tolerance, `${value} is not ${expected}`);
}

test("layer normalisation gives every vector mean 0 and variance 1, whatever its scale and offset", async () => {
  const x = tf.add(tf.mul(randomTensor([5, 32]), 40), 100);
  const [means, variances] = await momentsOf(layerNorm(unit(32), "n", x), [1]);
  assertAll(means, 0, 1e-4);
  assertAll(variances, 1, 1e-3);
});

test("group normalisation standardises groups of channels, and equals layer normalisation for one group and position", async () => {
  const x = randomTensor<tf.Tensor4D>([3, 4, 4, 6]);
  const y = groupNorm(unit(6), "n", x, randomTensor([3, 6], 1), 3);
  const [means, variances] = await momentsOf(tf.reshape(y, [3, 16, 3, 2]), [1, 3]);
  assertAll(means, 0, 1e-5);
  assertAll(variances, 1, 1e-3);
  const point = randomTensor<tf.Tensor4D>([3, 1, 1, 6], 2);
  const one = groupNorm(unit(6), "n", point, tf.zeros([3, 6]), 1);
  const difference = tf.max(tf.abs(tf.sub(one, layerNorm(unit(6), "n", point))));
  assert.ok((await difference.data())[0] < 1e-5);
});

test("a shift that group normalisation cancels has a gradient of exactly 0", async () => {
  const x = randomTensor<tf.Tensor4D>([2, 3, 3, 4]);
  const weights = randomTensor([2, 3, 3, 4], 1);
  const gradient = tf.grad((shift) =>
    tf.sum(tf.mul(groupNorm(unit(4), "n", x, shift as tf.Tensor2D, 4), weights)),
  );
  assert.deepEqual(
    Array.from(await gradient(randomTensor([2, 4], 2)).data(), Math.abs),
    new Array(8).fill(0),
  );
});

test("batch normalisation moves the running statistics by a tenth, with the unbiased variance", async () => {
  const x = tf.tensor4d([1, 2, 3, 4, 10, 20, 30, 40], [2, 2, 2, 1]);
  const buffers = new Map<string, tf.Tensor>([
    ["n.running_mean", tf.tensor1d([5])],
    ["n.running_var", tf.tensor1d([2])],
  ]);
  const { y, running } = batchNorm(unit(1), buffers, "n", x);
  const values = [1, 2, 3, 4, 10, 20, 30, 40];
  const mean = values.reduce((a, b) => a + b) / 8;
  const unbiased = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 7;
  const [newMean, newVariance] = await Promise.all([...running.values()].map((t) => t.data()));
  assert.ok(Math.abs(newMean[0] - (0.9 * 5 + 0.1 * mean)) < 1e-4);
  assert.ok(Math.abs(newVariance[0] - (0.9 * 2 + 0.1 * unbiased)) < 1e-3);
  const [means, variances] = await momentsOf(y, [0, 1, 2]);
  assertAll(means, 0, 1e-5);
  assertAll(variances, 1, 1e-4);
});

test("in evaluation mode examples do not influence each other", async () => {
  const buffers = new Map<string, tf.Tensor>([
    ["n.running_mean", tf.tensor1d([1, 2])],
    ["n.running_var", tf.tensor1d([4, 9])],
  ]);
  const x = tf.tensor4d([3, 5, 7, 11], [2, 1, 1, 2]);
  const y = await batchNormEval(unit(2), buffers, "n", x).data();
  [1, 1, 3, 3].forEach((expected, i) => assert.ok(Math.abs(y[i] - expected) < 1e-4));
});
