import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { causalAttention } from "spectral-lab/nn/attention";
import { convolution, transposedConvolution } from "spectral-lab/nn/convolution";
import { crossEntropy } from "spectral-lab/nn/cross-entropy";
import { composedCtc } from "spectral-lab/nn/ctc";
import { embed } from "spectral-lab/nn/embedding";
import { affine } from "spectral-lab/nn/linear";
import { composedLstm } from "spectral-lab/nn/lstm";
import { batchNorm, batchNormEval, groupNorm, layerNorm } from "spectral-lab/nn/normalisation";
import { checkGradient, randomTensor } from "../support/finite-differences.js";

before(async () => {
  await startBackend({ backend: "js" });
});

test("linear: input of rank 3, weight and bias", () =>
  checkGradient(
    (x, w, b) => affine(x, w, b),
    [randomTensor([2, 3, 4]), randomTensor([5, 4], 1), randomTensor([5], 2)],
  ));

test("embedding: rows picked more than once, and not at all", () => {
  const indices = tf.tensor2d([0, 2, 2, 3], [2, 2], "int32");
  return checkGradient((table) => embed(table as tf.Tensor2D, indices), [randomTensor([5, 3])]);
});

test("layer normalisation: input, weight and bias", () =>
  checkGradient(
    (x, w, b) =>
      layerNorm(
        new Map([
          ["n.weight", w],
          ["n.bias", b],
        ]),
        "n",
        x,
      ),
    [randomTensor([2, 3, 6]), randomTensor([6], 1), randomTensor([6], 2)],
  ));

test("group normalisation: input, shift, weight and bias", () =>
  checkGradient(
    (x, shift, w, b) => {
      const parameters = new Map([
        ["n.weight", w],
        ["n.bias", b],
      ]);
      return groupNorm(parameters, "n", x as tf.Tensor4D, shift as tf.Tensor2D, 2);
    },
    [randomTensor([2, 2, 2, 6]), randomTensor([2, 6], 3), randomTensor([6], 1), randomTensor([6], 2)],
  ));

const running = (): Map<string, tf.Tensor> =>
  new Map([
    ["n.running_mean", tf.tensor1d([0.1, -0.2, 0.3])],
    ["n.running_var", tf.tensor1d([1.5, 0.5, 1])],
  ]);

for (const [mode, apply] of [
  ["training", (p, x) => batchNorm(p, running(), "n", x).y],
  ["evaluation", (p, x) => batchNormEval(p, running(), "n", x)],
] as [string, (p: Map<string, tf.Tensor>, x: tf.Tensor4D) => tf.Tensor][]) {
  test(`batch normalisation, ${mode} mode: input, weight and bias`, () =>
    checkGradient(
      (x, w, b) => {
        const parameters = new Map([
          ["n.weight", w],
          ["n.bias", b],
        ]);
        return apply(parameters, x as tf.Tensor4D);
      },
      [randomTensor([3, 2, 2, 3]), randomTensor([3], 1), randomTensor([3], 2)],
    ));
}

for (const [kernel, stride, padding, size] of [
  [3, 1, "same", 5],
  [3, 2, "valid", 5],
  [3, 2, 1, 5],
  [3, 2, 1, 4],
  [1, 2, 0, 5],
  [7, 2, 3, 6],
] as const) {
  const name = `convolution of ${size} x ${size} by ${kernel} x ${kernel}, stride ${stride}, padding ${padding}`;
  test(`${name}: input, weight and bias`, () =>
    checkGradient(
      (x, w, b) =>
        convolution(
          new Map([
            ["c.weight", w],
            ["c.bias", b],
          ]),
          "c",
          x as tf.Tensor4D,
          { stride, padding },
        ),
      [randomTensor([1, size, size, 2]), randomTensor([3, 2, kernel, kernel], 1), randomTensor([3], 2)],
    ));
}

test("convolution: padding is on all sides, as in PyTorch, and none is at the far ones alone", () => {
  const x = tf.ones([1, 4, 4, 1]) as tf.Tensor4D;
  const ones = new Map([["c.weight", tf.ones([1, 1, 3, 3])]]);
  const y = convolution(ones, "c", x, { stride: 2, padding: 1 });
  assert.deepEqual(
    [y.shape, [...y.dataSync()]],
    [
      [1, 2, 2, 1],
      [4, 6, 6, 9],
    ],
  ); // corner, edges, inside
  assert.throws(
    () => convolution(ones, "c", x, { stride: 2, padding: "same" }),
    /"same" padding needs stride 1/,
  );
});

test("transposed convolution, stride 2 with output padding: input and weight", () =>
  checkGradient(
    (x, w) =>
      transposedConvolution(new Map([["c.weight", w]]), "c", x as tf.Tensor4D, {
        stride: 2,
        outputPadding: 1,
      }),
    [randomTensor([1, 3, 2, 2]), randomTensor([2, 3, 3, 3], 1)],
  ));

test("causal attention: input and projections", () =>
  checkGradient(
    (x, w, b, o) =>
      causalAttention(
        new Map([
          ["a.in_proj_weight", w],
          ["a.in_proj_bias", b],
          ["a.out_proj.weight", o],
          ["a.out_proj.bias", tf.zeros([4])],
        ]),
        "a",
        x as tf.Tensor3D,
        2,
      ),
    [randomTensor([1, 3, 4]), randomTensor([12, 4], 1, 0.5), randomTensor([12], 2), randomTensor([4, 4], 3)],
  ));

test("cross entropy: logits", () => {
  const labels = tf.tensor1d([2, 0, 2], "int32");
  return checkGradient((logits) => crossEntropy(logits as tf.Tensor2D, labels), [randomTensor([3, 4])]);
});

test("bidirectional LSTM: inputs and recurrent weights of both directions", () =>
  checkGradient(
    (xf, xr, wf, wr) => composedLstm(xf as tf.Tensor3D, xr as tf.Tensor3D, wf, wr),
    [randomTensor([3, 2, 8]), randomTensor([3, 2, 8], 1), randomTensor([8, 2], 2), randomTensor([8, 2], 3)],
  ));

test("CTC: logits, with a repeated symbol and utterances of unequal length", () => {
  const labels = Int32Array.of(1, 1, 2, 0);
  const [frames, lengths] = [Int32Array.of(5, 3), Int32Array.of(2, 1)];
  return checkGradient(
    (logits) => composedCtc(logits as tf.Tensor3D, labels, frames, lengths, 0),
    [randomTensor([5, 2, 3])],
  );
});
