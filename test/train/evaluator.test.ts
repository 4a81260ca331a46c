import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import type { ImageTensors } from "spectral-lab/models/classification";
import { vgg } from "spectral-lab/models/vgg";
import { disposeParameters, toTensors } from "spectral-lab/nn/parameters";
import { evaluate } from "spectral-lab/train/evaluate";
import { Evaluator } from "spectral-lab/train/evaluator";
import type { Examples } from "spectral-lab/train/examples";
import { recalibrate } from "spectral-lab/train/recalibrate";
import { toyImages, toyModel } from "./toy.js";

let backend: Backend | undefined;
before(async () => {
  backend = await startBackend({ backend: "webgpu" }).catch(() => undefined);
});
const noRecorder = "no backend that records";

test("evaluations that are replayed equal composed ones, with other weights and data, side by side", async (t) => {
  const recorder = backend?.recorder;
  if (!recorder) return t.skip(noRecorder);
  const before = tf.memory().numTensors;
  const evaluator = new Evaluator(toyModel, assert.fail, recorder);
  const weights = [1, 2, 3].map((seed) => toTensors(toyModel.init(seed)));
  const sets = [toyImages(14), toyImages(9, 0.5)];
  const cases = [0, 1, 2, 0, 2].flatMap((w) =>
    sets.map((examples) => ({ parameters: weights[w], examples })),
  );
  const options = { batchSize: 4 };
  const found = await Promise.all(
    cases.map(({ parameters, examples }) => evaluator.evaluate(parameters, new Map(), examples, options)),
  );
  for (const [i, { parameters, examples }] of cases.entries())
    assert.deepEqual(found[i], await evaluate(toyModel, parameters, new Map(), examples, options));
  assert.equal(new Set(found.map(({ loss }) => loss.sum)).size, 6);
  evaluator.dispose();
  weights.forEach((parameters) => parameters.forEach((tensor) => tensor.dispose()));
  assert.equal(tf.memory().numTensors, before, "nothing is left behind");
});

test("statistics that are recomputed by replaying equal composed ones", async (t) => {
  const recorder = backend?.recorder;
  if (!recorder) return t.skip(noRecorder);
  const before = tf.memory().numTensors;
  const model = vgg({ depth: 11, width: 1 / 64 });
  const examples: Examples<ImageTensors> = {
    count: 9,
    batch: (indices) => ({
      images: tf.tidy(() => {
        const ramp = tf.range(0, indices.length * 3072);
        return tf.reshape(tf.sin(tf.mul(ramp, 1 + indices[0])), [indices.length, 32, 32, 3]);
      }),
      labels: tf.zeros([indices.length], "int32"),
    }),
  };
  const evaluator = new Evaluator(model, assert.fail, recorder);
  const options = { batchSize: 2 };
  for (const seed of [1, 2]) {
    const [weights, buffers] = [toTensors(model.init(seed)), toTensors(model.initBuffers(0))];
    const found = await evaluator.recalibrate(weights, buffers, examples, options);
    const expected = await recalibrate(model, weights, buffers, examples, options);
    for (const [name, tensor] of expected)
      assert.deepEqual(await read(found.get(name)!), await read(tensor), name);
    assert.deepEqual(
      await evaluator.evaluate(weights, found, examples, options),
      await evaluate(model, weights, expected, examples, options),
    );
    [weights, buffers, found, expected].forEach(disposeParameters);
  }
  evaluator.dispose();
  assert.equal(tf.memory().numTensors, before, "nothing is left behind");
});
