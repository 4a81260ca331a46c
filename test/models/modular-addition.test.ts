import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { modularAddition } from "spectral-lab/models/modular-addition";
import { causalAttention } from "spectral-lab/nn/attention";
import { crossEntropy } from "spectral-lab/nn/cross-entropy";
import { linear } from "spectral-lab/nn/linear";
import type { Parameters } from "spectral-lab/nn/model";
import { layerNorm } from "spectral-lab/nn/normalisation";
import { toTensors } from "spectral-lab/nn/parameters";
import { sinusoidalPositions } from "spectral-lab/nn/positions";

before(async () => {
  await startBackend({ backend: "js" });
});

const BLOCK = "transformer_encoder.layers.0";
const [MODULUS, WIDTH, HEADS] = [5, 12, 3];

/** The model written out: all positions through the whole block, the loss at the last. */
function plainLoss(
  parameters: Parameters,
  tokens: tf.Tensor2D,
  targets: tf.Tensor1D,
  normalised: boolean,
): tf.Scalar {
  const norm = (name: string, x: tf.Tensor): tf.Tensor =>
    normalised ? layerNorm(parameters, `${BLOCK}.${name}`, x) : x;
  const positions = tf.tensor(sinusoidalPositions(3, WIDTH), [3, WIDTH]);
  let x = tf.add(tf.mul(tf.gather(parameters.get("encoder.weight")!, tokens), Math.sqrt(WIDTH)), positions);
  x = tf.add(x, causalAttention(parameters, `${BLOCK}.self_attn`, norm("norm1", x) as tf.Tensor3D, HEADS));
  const inner = tf.relu(linear(parameters, `${BLOCK}.linear1`, norm("norm2", x)));
  x = tf.add(x, linear(parameters, `${BLOCK}.linear2`, inner));
  const last = tf.reshape(tf.slice(x, [0, 2, 0], [-1, 1, -1]), [-1, WIDTH]);
  return crossEntropy(linear(parameters, "decoder", last) as tf.Tensor2D, targets);
}

for (const normalised of [false, true]) {
  test(`the short cuts change neither loss nor gradients (layer norm: ${normalised})`, async () => {
    const model = modularAddition({
      modulus: MODULUS,
      width: WIDTH,
      heads: HEADS,
      hidden: 16,
      layerNorm: normalised,
    });
    const parameters = toTensors(model.init(0));
    const names = [...parameters.keys()];
    const tokens = tf.tensor2d([0, 4, 5, 3, 3, 5, 1, 2, 0, 4, 4, 4], [4, 3], "int32"); // the last one is any token
    const targets = tf.tensor1d([4, 1, 3, 3], "int32");
    const named = (tensors: tf.Tensor[]): Parameters => new Map(names.map((name, i) => [name, tensors[i]]));
    const short = tf.valueAndGrads(
      (...p: tf.Tensor[]) => model.loss(named(p), new Map(), { tokens, targets }).loss,
    )([...parameters.values()]);
    const plain = tf.valueAndGrads((...p: tf.Tensor[]) => plainLoss(named(p), tokens, targets, normalised))([
      ...parameters.values(),
    ]);
    assert.ok(Math.abs((await short.value.data())[0] - (await plain.value.data())[0]) < 1e-5);
    for (let i = 0; i < names.length; i++) {
      const [a, b] = [await short.grads[i].data(), await plain.grads[i].data()];
      a.forEach((x, j) => assert.ok(Math.abs(x - b[j]) < 1e-5, `${names[i]}[${j}]: ${x}, ${b[j]}`));
    }
  });
}

test("embedding and unembedding start uniform in +-0.1, the unembedding's bias at 0", () => {
  const parameters = modularAddition({ modulus: 113 }).init(0);
  for (const name of ["encoder.weight", "decoder.weight"]) {
    const largest = Math.max(...(parameters.get(name)!.data as Float32Array).map(Math.abs));
    assert.ok(largest <= 0.1 && largest > 0.0999);
  }
  assert.ok((parameters.get("decoder.bias")!.data as Float32Array).every((x) => x === 0));
});
