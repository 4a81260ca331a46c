import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { read, readScalar } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";
import { composedCausalAttention, composedLastAttention } from "spectral-lab/nn/attention";
import { composedCrossEntropySum } from "spectral-lab/nn/cross-entropy";
import { embed } from "spectral-lab/nn/embedding";
import {
  composedBatchNorm,
  composedBatchNormEval,
  composedGroupNorm,
  composedLayerNorm,
} from "spectral-lab/nn/normalisation";
import { availableBackends } from "./available.js";

const { names } = await availableBackends();

function uniform(name: string, shape: number[], scale = 1): tf.Tensor {
  const random = randomStream(5, name);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.uniform(-scale, scale)),
    shape,
  );
}

function integers(name: string, shape: number[], bound: number): tf.Tensor {
  const random = randomStream(5, name);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Int32Array.from({ length: size }, () => random.integer(bound)),
    shape,
    "int32",
  );
}

async function assertClose(found: tf.Tensor, expected: tf.Tensor, what: string): Promise<void> {
  assert.deepEqual(found.shape, expected.shape, what);
  const [a, b] = await Promise.all([read(found), read(expected)] as Promise<Float32Array>[]);
  const scale = b.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-30);
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i] - b[i]) / scale;
    assert.ok(difference <= 1e-5, `${what}: element ${i} is ${a[i]}, expected ${b[i]}, of at most ${scale}`);
  }
}

/** Value and all gradients of an operation, for some dy that is no constant, against those of its composed version. */
async function assertEqual(
  what: string,
  inputs: readonly tf.Tensor[],
  one: (...x: tf.Tensor[]) => tf.Tensor,
  composed: (...x: tf.Tensor[]) => tf.Tensor,
): Promise<void> {
  const before = tf.memory().numTensors;
  const run = (operation: typeof one): tf.Tensor[] =>
    tf.tidy(() => {
      const value = operation(...inputs);
      const weight = uniform("dy", value.shape);
      const loss = (...x: tf.Tensor[]): tf.Scalar => tf.sum(tf.mul(weight, operation(...x)));
      return [value, ...tf.grads(loss)([...inputs])];
    });
  const [found, expected, again] = [run(one), run(composed), run(one)];
  for (const [i, tensor] of found.entries()) {
    const part = `${what}: ${i === 0 ? "value" : `gradient of input ${i - 1}`}`;
    await assertClose(tensor, expected[i], part);
    assert.deepEqual(await read(again[i]), await read(tensor), `${part}: the same bits every time`);
  }
  tf.dispose([found, expected, again]);
  assert.equal(tf.memory().numTensors, before, `${what}: nothing is left behind`);
}

for (const backend of names) {
  test(`${backend}: the fused cross entropy equals the composed one`, async (t) => {
    const { crossEntropy } = (await startBackend({ backend })).fused;
    if (!crossEntropy) return t.skip("not offered");
    for (const [rows, classes, scale] of [
      [1, 2, 1],
      [7, 10, 3],
      [130, 113, 8],
      [3, 5001, 40],
    ]) {
      const labels = integers("labels", [rows], classes) as tf.Tensor1D;
      await assertEqual(
        `${rows} x ${classes}`,
        [uniform("logits", [rows, classes], scale)],
        (x) => crossEntropy(x as tf.Tensor2D, labels, 0.3),
        (x) => tf.mul(composedCrossEntropySum(x as tf.Tensor2D, labels), 0.3),
      );
    }
    const huge = tf.tensor2d([1e4, 0, -1e4, 1e4, 0, -1e4], [2, 3]);
    assert.equal(await readScalar(crossEntropy(huge, tf.tensor1d([0, 1], "int32"), 1)), 1e4);
    for (const label of [-1, 3]) {
      const labels = tf.tensor1d([0, label], "int32");
      assert.ok(Number.isNaN(await readScalar(crossEntropy(tf.zeros([2, 3]), labels, 1))));
    }
    const broken = tf.tensor2d([0, NaN, 1, 1], [2, 2]);
    assert.ok(Number.isNaN(await readScalar(crossEntropy(broken, tf.tensor1d([0, 1], "int32"), 1))));
  });

  test(`${backend}: the fused layer normalisation equals the composed one`, async (t) => {
    const { layerNorm } = (await startBackend({ backend })).fused;
    if (!layerNorm) return t.skip("not offered");
    for (const shape of [
      [1, 1],
      [3, 5, 7],
      [300, 48],
      [6, 770],
    ]) {
      const channels = shape[shape.length - 1];
      await assertEqual(
        shape.join(" x "),
        [tf.add(uniform("x", shape, 3), 2), uniform("gain", [channels]), uniform("bias", [channels])],
        (x, gain, bias) => layerNorm(x, gain, bias, 1e-5),
        (x, gain, bias) => composedLayerNorm(x, gain, bias, 1e-5),
      );
    }
  });

  test(`${backend}: the fused group normalisation equals the composed one`, async (t) => {
    const { groupNorm } = (await startBackend({ backend })).fused;
    if (!groupNorm) return t.skip("not offered");
    for (const [n, side, channels, groups] of [
      [1, 1, 5, 1],
      [3, 5, 6, 2],
      [2, 9, 40, 4],
      [2, 3, 4, 4],
      [2, 4, 96, 24],
    ]) {
      for (const swish of [false, true]) {
        await assertEqual(
          `${n} x ${side} x ${side} x ${channels}, ${groups} groups${swish ? ", Swish" : ""}`,
          [
            tf.add(uniform("x", [n, side, side, channels], 3), 2),
            uniform("shift", [n, channels]),
            uniform("gain", [channels]),
            uniform("bias", [channels]),
          ],
          (x, shift, gain, bias) =>
            groupNorm(x as tf.Tensor4D, shift as tf.Tensor2D, gain, bias, groups, 1e-5, swish)!,
          (x, shift, gain, bias) =>
            composedGroupNorm(x as tf.Tensor4D, shift as tf.Tensor2D, gain, bias, groups, 1e-5, swish),
        );
      }
    }
    const x = uniform("x", [2, 3, 3, 4]) as tf.Tensor4D;
    const gradient = tf.grad((shift) =>
      tf.sum(tf.square(groupNorm(x, shift as tf.Tensor2D, tf.ones([4]), tf.zeros([4]), 4, 1e-5, true)!)),
    )(uniform("shift", [2, 4]));
    assert.deepEqual(Array.from(await read(gradient), Math.abs), new Array(8).fill(0), "what is cancelled");
  });

  test(`${backend}: the fused batch normalisation equals the composed one`, async (t) => {
    const { batchNorm } = (await startBackend({ backend })).fused;
    if (!batchNorm) return t.skip("not offered");
    for (const [n, side, channels] of [
      [4, 1, 1],
      [3, 5, 7],
      [5, 16, 3],
      [2, 3, 130],
    ]) {
      const [gain, bias, shift, mean] = ["gain", "bias", "shift", "mean"].map((name) =>
        uniform(name, [channels]),
      );
      const variance = tf.add(uniform("variance", [channels]), 2);
      const x = tf.add(uniform("x", [n, side, side, channels], 3), 20);
      for (const relu of [false, true]) {
        const options = { momentum: 0.3, epsilon: 1e-5, relu };
        const what = `${n} x ${side} x ${side} x ${channels}${relu ? ", ReLU" : ""}`;
        const normalised =
          (normalise: typeof composedBatchNorm) =>
          (x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
            tf.tidy(() => normalise(x, gain, bias, { mean, variance }, options).y);
        await assertEqual(what, [x, gain, bias], normalised(batchNorm), normalised(composedBatchNorm));
        const shifted = (normalise: typeof composedBatchNorm): tf.Tensor[] => {
          const loss = (x: tf.Tensor, shift: tf.Tensor): tf.Scalar => {
            const { y } = normalise(x, gain, bias, { mean, variance }, { ...options, shift });
            return tf.sum(tf.mul(uniform("dy", y.shape), y));
          };
          const { y, running } = normalise(x, gain, bias, { mean, variance }, { ...options, shift });
          return [y, running.mean, running.variance, ...tf.grads(loss)([x, shift])];
        };
        const found: tf.Tensor[] = shifted(batchNorm);
        const expected: tf.Tensor[] = shifted(composedBatchNorm);
        for (const [i, part] of ["y", "running mean", "running variance", "dx"].entries())
          await assertClose(found[i], expected[i], `${what}, shifted: ${part}`);
        const gradient = Array.from(await read(found[4]));
        assert.deepEqual(gradient, new Array(channels).fill(0), "the shift's gradient is 0");
      }
    }
  });

  test(`${backend}: the fused batch normalisation by running statistics equals the composed one`, async (t) => {
    const { batchNormEval } = (await startBackend({ backend })).fused;
    if (!batchNormEval) return t.skip("not offered");
    for (const [rows, channels] of [
      [1, 1],
      [75, 7],
      [9, 130],
    ]) {
      const [gain, bias, shift, mean] = ["gain", "bias", "shift", "mean"].map((name) =>
        uniform(name, [channels]),
      );
      const variance = tf.add(uniform("variance", [channels]), 2);
      const x = uniform("x", [rows, channels], 3);
      for (const relu of [false, true]) {
        const options = { epsilon: 1e-5, relu };
        const plain =
          (evaluate: typeof composedBatchNormEval) =>
          (x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Tensor =>
            evaluate(x, gain, bias, { mean, variance }, options);
        const shifted =
          (evaluate: typeof composedBatchNormEval) =>
          (x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor, shift: tf.Tensor): tf.Tensor =>
            evaluate(x, gain, bias, { mean, variance }, { ...options, shift });
        const what = `${rows} x ${channels}${relu ? ", ReLU" : ""}`;
        await assertEqual(what, [x, gain, bias], plain(batchNormEval), plain(composedBatchNormEval));
        const four = [x, gain, bias, shift];
        await assertEqual(`${what}, shifted`, four, shifted(batchNormEval), shifted(composedBatchNormEval));
      }
    }
  });

  test(`${backend}: bias with what follows it equals the composed operations`, async (t) => {
    const { addBias, addBiasAndRelu, addBiasAndResidual } = (await startBackend({ backend })).fused;
    if (!addBias || !addBiasAndRelu || !addBiasAndResidual) return t.skip("not offered");
    for (const [rows, columns] of [
      [1, 1],
      [5, 3],
      [301, 70],
      [9000, 2],
    ]) {
      const what = `${rows} x ${columns}`;
      const inputs = ["x", "bias", "residual"].map((name) =>
        uniform(name, name === "bias" ? [columns] : [rows, columns]),
      );
      const two = inputs.slice(0, 2);
      await assertEqual(what, two, addBias, (x, bias) => tf.add(x, bias));
      await assertEqual(`${what}, ReLU`, two, addBiasAndRelu, (x, bias) => tf.relu(tf.add(x, bias)));
      await assertEqual(`${what}, residual`, inputs, addBiasAndResidual, (x, bias, residual) =>
        tf.add(residual, tf.add(x, bias)),
      );
    }
    const broken = addBiasAndRelu(tf.tensor2d([NaN, 1], [1, 2]), tf.zeros([2]));
    assert.ok(Number.isNaN((await read(broken))[0]), "NaN stays NaN");
  });

  test(`${backend}: the fused causal attention equals the composed one`, async (t) => {
    const { causalAttention } = (await startBackend({ backend })).fused;
    if (!causalAttention) return t.skip("not offered");
    for (const [n, time, heads, size] of [
      [1, 1, 1, 1],
      [2, 5, 3, 4],
      [1, 67, 2, 5],
    ]) {
      const width = heads * size;
      await assertEqual(
        [n, time, heads, size].join(" x "),
        [uniform("projected", [n, time, 3 * width], 2), uniform("bias", [3 * width])],
        (x, bias) => causalAttention(x as tf.Tensor3D, bias, heads),
        (x, bias) => composedCausalAttention(x as tf.Tensor3D, bias, heads),
      );
    }
  });

  test(`${backend}: the fused attention of the last position equals the composed one`, async (t) => {
    const { lastAttention } = (await startBackend({ backend })).fused;
    if (!lastAttention) return t.skip("not offered");
    for (const [n, positions, heads, size, vocabulary] of [
      [1, 2, 1, 1, 1],
      [37, 3, 4, 8, 13],
      [9, 2, 3, 5, 4],
      [300, 3, 2, 3, 5],
    ]) {
      const width = heads * size;
      const tokens = integers("tokens", [n, positions], vocabulary) as tf.Tensor2D;
      await assertEqual(
        [n, positions, heads, size].join(" x "),
        [uniform("projected", [positions * vocabulary, 3 * width], 2), uniform("bias", [3 * width])],
        (x, bias) => lastAttention(x as tf.Tensor2D, bias, tokens, heads)!,
        (x, bias) => composedLastAttention(x as tf.Tensor2D, bias, tokens, heads),
      );
    }
    const tokens = tf.zeros([2, 17], "int32") as tf.Tensor2D;
    assert.equal(lastAttention(tf.zeros([34, 6]), tf.zeros([6]), tokens, 2), undefined);
  });

  test(`${backend}: the gradient of maximum pooling goes where the maximum is`, async () => {
    await startBackend({ backend });
    for (const [side, channels, window] of [
      [4, 3, 2],
      [9, 5, 3],
      [7, 2, 2], // a row and a column in no window
    ]) {
      const x = uniform("x", [2, side, side, channels]) as tf.Tensor4D;
      const pooled = (x: tf.Tensor): tf.Tensor => tf.maxPool(x as tf.Tensor4D, window, window, "valid");
      const dy = uniform("dy", pooled(x).shape);
      const [values, outputs, slopes] = await Promise.all([x, pooled(x), dy].map((tensor) => read(tensor)));
      const found = await read(tf.grad((x) => tf.sum(tf.mul(dy, pooled(x))))(x));
      const expected = Float32Array.from(values, (value) => slopes[outputs.indexOf(value)] ?? 0); // no two are equal
      assert.deepEqual(found, expected, `${side} by ${window}`);
    }
  });

  test(`${backend}: transposes of the axes of filters put every element where it belongs`, async () => {
    await startBackend({ backend });
    for (const [shape, permutation] of [
      [
        [35, 7, 3, 2],
        [2, 3, 1, 0],
      ],
      [
        [3, 2, 7, 35],
        [3, 2, 0, 1],
      ],
      [
        [2, 40, 33, 1],
        [3, 0, 2, 1],
      ],
      [
        [5, 34, 3],
        [2, 1, 0],
      ],
      [
        [6, 2, 4],
        [1, 2, 0],
      ],
      [
        [2, 3, 4, 5],
        [0, 2, 1, 3],
      ],
    ]) {
      const x = uniform("x", shape);
      const values = await read(x);
      const found = await read(tf.transpose(x, permutation));
      const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
      const expected = Float32Array.from(values, (_, flat) => {
        let [rest, at] = [flat, 0];
        for (const axis of [...permutation].reverse()) {
          at += (rest % shape[axis]) * stride[axis];
          rest = Math.floor(rest / shape[axis]);
        }
        return values[at];
      });
      assert.deepEqual(found, expected, `${shape.join(" x ")} by ${permutation.join()}`);
    }
  });

  test(`${backend}: the gradient of an embedding equals a product with a one-hot matrix`, async () => {
    await startBackend({ backend });
    for (const [rows, width, count] of [
      [5, 3, 7],
      [3, 70, 2500],
      [40, 130, 300],
      [4, 1100, 9],
    ]) {
      const indices = integers("indices", [count], rows) as tf.Tensor1D;
      await assertEqual(
        `${count} of ${rows} x ${width}`,
        [uniform("table", [rows, width])],
        (table) => embed(table as tf.Tensor2D, indices),
        (table) =>
          tf.matMul(tf.cast(tf.oneHot(indices, rows), "float32") as tf.Tensor2D, table as tf.Tensor2D),
      );
    }
  });
}
