import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { DataError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { composedCtc, ctcLoss, ctcLosses } from "spectral-lab/nn/ctc";
import { greedyDecode } from "spectral-lab/nn/decoding";
import { randomTensor } from "../support/finite-differences.js";

before(async () => {
  await startBackend({ backend: "js" });
});

/** -log of the sum over all paths of `frames` symbols that decode to `text`. */
function enumerate(logProbabilities: number[][], frames: number, text: readonly number[]): number {
  const symbols = logProbabilities[0].length;
  let total = 0;
  for (let code = 0; code < symbols ** frames; code++) {
    const path = Array.from({ length: frames }, (_, t) => Math.floor(code / symbols ** t) % symbols);
    const [decoded] = greedyDecode(path, [frames]);
    if (decoded.join() !== text.join()) continue;
    total += Math.exp(path.reduce((sum, symbol, t) => sum + logProbabilities[t][symbol], 0));
  }
  return -Math.log(total);
}

test("equals the sum over all paths, on random texts with repeats and utterances of unequal length", async () => {
  const random = randomStream(1, "ctc");
  for (let trial = 0; trial < 20; trial++) {
    const [time, n, symbols, longest] = [6, 3, 3, 3];
    const logits = randomTensor<tf.Tensor3D>([time, n, symbols], trial, 2);
    const labels = Int32Array.from({ length: n * longest }, () => 1 + random.integer(symbols - 1));
    const labelLengths = Int32Array.from({ length: n }, () => 1 + random.integer(longest));
    const frames = Int32Array.from(labelLengths, (length) => Math.min(time, 2 * length + random.integer(3)));
    const chosen = await ctcLosses(logits, { labels, labelLengths, frames }).data();
    const composed = await composedCtc(logits, labels, frames, labelLengths, 0).data();
    const logProbabilities = (await tf.logSoftmax(logits).array()) as number[][][];
    for (let i = 0; i < n; i++) {
      const text = Array.from(labels.slice(i * longest, i * longest + labelLengths[i]));
      const own = logProbabilities.map((frame) => frame[i]);
      const expected = enumerate(own, frames[i], text);
      for (const found of [chosen[i], composed[i]]) {
        assert.ok(Math.abs(found - expected) < 1e-4 * expected, `trial ${trial}: ${found}, ${expected}`);
      }
    }
  }
});

test("all texts that some frames can spell have probability 1 together", async () => {
  const logits = randomTensor<tf.Tensor3D>([3, 1, 3]);
  let total = 0;
  for (const labels of [[1], [2], [1, 2], [2, 1], [1, 1], [2, 2], [1, 2, 1], [2, 1, 2]]) {
    const transcripts = { labels: Int32Array.from(labels), labelLengths: Int32Array.of(labels.length) };
    total += Math.exp(-(await ctcLosses(logits, { ...transcripts, frames: Int32Array.of(3) }).data())[0]);
  }
  const silence = tf.slice(tf.logSoftmax(logits), [0, 0, 0], [3, 1, 1]);
  total += Math.exp((await tf.sum(silence).data())[0]);
  assert.ok(Math.abs(total - 1) < 1e-5);
});

test("the loss is the mean of losses per symbol, as PyTorch's reduction", async () => {
  const logits = randomTensor<tf.Tensor3D>([6, 2, 4]);
  const transcripts = {
    labels: Int32Array.of(1, 2, 3, 2, 0, 0),
    labelLengths: Int32Array.of(3, 1),
    frames: Int32Array.of(6, 4),
  };
  const [first, second] = await ctcLosses(logits, transcripts).data();
  const [mean] = await ctcLoss(logits, transcripts).data();
  assert.ok(Math.abs(mean - (first / 3 + second) / 2) < 1e-5);
});

test("impossible transcripts are errors that name the utterance", () => {
  const logits = randomTensor<tf.Tensor3D>([3, 1, 3]);
  const losses = (labels: number[], frames: number): tf.Tensor =>
    ctcLosses(logits, {
      labels: Int32Array.from(labels),
      labelLengths: Int32Array.of(labels.length),
      frames: Int32Array.of(frames),
    });
  losses([1, 1], 3);
  for (const [labels, frames] of [
    [[1, 1], 2], // a repeat needs a blank between
    [[1, 2, 1, 2], 3],
    [[0], 3], // the blank
    [[3], 3],
    [[-1], 3],
    [[], 3],
    [[1], 4], // more frames than there are
  ] as [number[], number][]) {
    assert.throws(
      () => losses(labels, frames),
      (e: Error) => e instanceof DataError && /utterance 0/.test(e.message),
    );
  }
});
