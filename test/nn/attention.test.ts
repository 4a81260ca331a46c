import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { attentionSpecs, causalAttention } from "spectral-lab/nn/attention";
import { initialise } from "spectral-lab/nn/initialise";
import { toTensors } from "spectral-lab/nn/parameters";
import { randomTensor } from "../support/finite-differences.js";

before(async () => {
  await startBackend({ backend: "js" });
});

const parameters = (): Map<string, tf.Tensor> => toTensors(initialise(attentionSpecs("a", 6), 3));

test("a position does not see later ones, and sees earlier ones", async () => {
  const x = randomTensor<tf.Tensor3D>([1, 4, 6]);
  const changed = tf.concat(
    [tf.slice(x, [0, 0, 0], [1, 2, 6]), randomTensor([1, 2, 6], 9)],
    1,
  ) as tf.Tensor3D;
  const [before, after] = [x, changed].map((input) => causalAttention(parameters(), "a", input, 3));
  const difference = await tf.sum(tf.abs(tf.sub(before, after)), 2).data();
  assert.equal(difference[0], 0);
  assert.equal(difference[1], 0);
  assert.ok(difference[2] > 1e-3 && difference[3] > 1e-3);
});

test("the first position attends to itself alone: its output is its value", async () => {
  const held = parameters();
  const x = randomTensor<tf.Tensor3D>([1, 3, 6]);
  const first = tf.reshape(tf.slice(x, [0, 0, 0], [1, 1, 6]), [1, 6]);
  const value = tf.matMul(first, tf.slice(held.get("a.in_proj_weight")!, [12, 0], [6, 6]), false, true);
  const expected = await tf.matMul(value, held.get("a.out_proj.weight")!, false, true).data();
  const found = await causalAttention(held, "a", x, 2).data();
  expected.forEach((e, i) => assert.ok(Math.abs(found[i] - e) < 1e-6));
});

test("the keys' bias changes nothing and has a gradient of exactly 0", async () => {
  const held = parameters();
  const x = randomTensor<tf.Tensor3D>([2, 3, 6]);
  const output = (bias: tf.Tensor): tf.Tensor =>
    causalAttention(new Map([...held, ["a.in_proj_bias", bias]]), "a", x, 2);
  const bias = randomTensor([18], 5);
  const moved = tf.add(bias, tf.concat([tf.zeros([6]), tf.ones([6]), tf.zeros([6])]));
  assert.deepEqual(await output(bias).data(), await output(moved).data());
  const gradient = await tf
    .grad((b) => tf.sum(tf.square(output(b))))(bias)
    .data();
  assert.deepEqual(Array.from(gradient.slice(6, 12), Math.abs), new Array(6).fill(0));
  assert.ok(gradient.slice(12).some((g) => Math.abs(g) > 1e-3));
});
