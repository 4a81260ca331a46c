import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { addNoise, noiseSchedule, sample, type Denoiser } from "spectral-lab/models/diffusion";
import { unet } from "spectral-lab/models/unet";
import { toTensors } from "spectral-lab/nn/parameters";
import { randomTensor } from "../support/finite-differences.js";

before(async () => {
  await startBackend({ backend: "wasm" });
});

test("noise grows step by step from almost none to almost all", () => {
  const { beta, alphaBar } = noiseSchedule();
  assert.equal(beta.length, 1000);
  assert.ok(alphaBar[0] > 0.9999 && alphaBar[999] < 0.1);
  for (let t = 1; t < 1000; t++) assert.ok(beta[t] > beta[t - 1] && alphaBar[t] < alphaBar[t - 1]);
});

test("noised images keep unit variance, with the noise's share of step t", async () => {
  const [images, noise] = [
    randomTensor<tf.Tensor4D>([3, 28, 28, 1]),
    randomTensor<tf.Tensor4D>([3, 28, 28, 1], 1),
  ];
  const noised = await addNoise(images, noise, tf.tensor1d([0, 500, 999], "int32")).data();
  const [x, e] = [await images.data(), await noise.data()];
  const { alphaBar } = noiseSchedule();
  [0, 500, 999].forEach((t, i) => {
    const at = 784 * i + 5;
    assert.ok(
      Math.abs(noised[at] - Math.sqrt(alphaBar[t]) * x[at] - Math.sqrt(1 - alphaBar[t]) * e[at]) < 1e-5,
    );
  });
});

/** A denoiser that knows that all images are equal to `pixel`. */
const oracle = (pixel: number): Denoiser => ({
  denoise(_parameters, _buffers, noised, steps) {
    const { alphaBar } = noiseSchedule();
    const at = (f: (a: number) => number): tf.Tensor =>
      tf.reshape(tf.gather(tf.tensor1d(Float32Array.from(alphaBar, f)), steps), [-1, 1, 1, 1]);
    return tf.div(
      tf.sub(noised, tf.mul(pixel, at(Math.sqrt))),
      at((a) => Math.sqrt(1 - a)),
    ) as tf.Tensor4D;
  },
});

test("sampling with a perfect denoiser ends at the image, frees its tensors and can be aborted", async () => {
  const tensors = tf.memory().numTensors;
  const steps: number[] = [];
  let last = new Float32Array();
  for await (const { step, images } of sample(oracle(0.7), new Map(), new Map(), {
    count: 2,
    seed: 0,
    shown: 4,
  })) {
    steps.push(step);
    last = images as typeof last;
  }
  assert.deepEqual(steps, [750, 500, 250, 0]);
  assert.equal(last.length, 2 * 784);
  assert.ok(last.every((x) => Math.abs(x - 0.7) < 1e-3));
  assert.equal(tf.memory().numTensors, tensors);
  const stopped = sample(oracle(0), new Map(), new Map(), { count: 1, seed: 0, signal: AbortSignal.abort() });
  await assert.rejects(() => stopped.next(), { name: "AbortError" });
  assert.equal(tf.memory().numTensors, tensors);
});

test("the network's time features keep their digits at the last step, where t W is in the thousands", async () => {
  const model = unet({ channels: [4, 4, 4, 4], embedding: 8 });
  const parameters = toTensors(model.init(0));
  const frequencies = tf.tensor1d([97.123456, -31.7, 0.001, 60]);
  const whole = tf.tensor1d([97.123456 + 1, -31.7 - 2, 1.001, 61].map(Math.fround)); // whole turns more at every step
  const noised = randomTensor<tf.Tensor4D>([1, 28, 28, 1]);
  const output = (w: tf.Tensor): tf.Tensor =>
    model.denoise(parameters, new Map([["time_embed.0.W", w]]), noised, tf.tensor1d([999], "int32"));
  const difference = await tf.max(tf.abs(tf.sub(output(frequencies), output(whole)))).data();
  assert.ok(difference[0] < 0.05, `${difference[0]}`); // rounding W itself turns the phase by up to 999 * 4e-6 * 2 pi
});
