import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { composedLstm } from "spectral-lab/nn/lstm";
import { randomTensor } from "../support/finite-differences.js";

before(async () => {
  await startBackend({ backend: "js" });
});

test("the reverse direction is the forward one on reversed time", async () => {
  const [x, w] = [randomTensor<tf.Tensor3D>([5, 2, 12]), randomTensor([12, 3], 1)];
  const forward = composedLstm(x, tf.reverse(x, 0), w, w);
  const [first, second] = tf.split(forward, 2, 2);
  assert.deepEqual(await tf.reverse(second, 0).data(), await first.data());
});

test("one step is the cell's equations", async () => {
  const gates = [0.3, -0.2, 0.9, 0.5]; // i, f, g, o of one unit
  const x = tf.tensor3d(gates, [1, 1, 4]);
  const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
  const expected = sigmoid(0.5) * Math.tanh(sigmoid(0.3) * Math.tanh(0.9));
  const [found] = await composedLstm(x, x, tf.zeros([4, 1]), tf.zeros([4, 1])).data();
  assert.ok(Math.abs(found - expected) < 1e-6);
});
