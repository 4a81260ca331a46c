import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { DataError } from "spectral-lab/core/errors";
import { checkLabels, countErrors, crossEntropy, crossEntropySum } from "spectral-lab/nn/cross-entropy";

before(async () => {
  await startBackend({ backend: "js" });
});

const scalar = async (x: tf.Tensor): Promise<number> => (await x.data())[0];

test("equal logits cost ln(classes), and the sum is n times the mean", async () => {
  const labels = tf.tensor1d([0, 3, 6], "int32");
  assert.ok(Math.abs((await scalar(crossEntropy(tf.zeros([3, 7]), labels))) - Math.log(7)) < 1e-6);
  assert.ok(Math.abs((await scalar(crossEntropySum(tf.zeros([3, 7]), labels))) - 3 * Math.log(7)) < 1e-5);
});

test("huge logits neither overflow nor lose the loss", async () => {
  const logits = tf.tensor2d([1e4, 0, -1e4, 1e4, 0, -1e4], [2, 3]);
  assert.equal(await scalar(crossEntropySum(logits, tf.tensor1d([0, 1], "int32"))), 1e4);
});

test("a label that is no class makes the loss NaN, never silently smaller", async () => {
  for (const label of [-1, 3]) {
    assert.ok(Number.isNaN(await scalar(crossEntropy(tf.zeros([2, 3]), tf.tensor1d([0, label], "int32")))));
  }
});

test("checkLabels names the place, the range and the culprit", () => {
  checkLabels("batch", [0, 9], 10);
  for (const bad of [10, -1, 0.5, NaN]) {
    assert.throws(
      () => checkLabels("batch", [3, bad], 10),
      (error: Error) => error instanceof DataError && /batch: label 1 .*\[0, 10\)/.test(error.message),
    );
  }
});

test("errors are rows whose largest logit is elsewhere", async () => {
  const logits = tf.tensor2d([1, 2, 0, 5, 1, 1], [2, 3]);
  assert.equal(await scalar(countErrors(logits, tf.tensor1d([1, 2], "int32"))), 1);
});
