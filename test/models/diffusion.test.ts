import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";
import { addNoise, noiseSchedule, normalLike, sample, type Denoiser } from "spectral-lab/models/diffusion";
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

test("sampling starts from a noised view of the images that it is given", async () => {
  /** Takes what it sees for the image, so that the first step tells what the start was. */
  const starts: Float32Array[] = [];
  const watching: Denoiser = {
    denoise(_parameters, _buffers, noised) {
      starts.push(noised.dataSync() as Float32Array);
      return tf.zerosLike(noised);
    },
  };
  const startOf = async (from?: Float32Array): Promise<Float32Array> => {
    starts.length = 0;
    for await (const _ of sample(watching, new Map(), new Map(), { count: 2, seed: 1, from })) break;
    return starts[0];
  };
  const pure = await startOf();
  const flat = await startOf(new Float32Array(2 * 784).fill(5));
  const { alphaBar } = noiseSchedule();
  const [signal, noise] = [Math.sqrt(alphaBar[999]), Math.sqrt(1 - alphaBar[999])];
  assert.ok(flat.every((x, i) => Math.abs(x - (5 * signal + noise * pure[i])) < 1e-5));
});

test("an image like others is drawn with their mean and covariance", () => {
  const [a, b] = [Float32Array.of(0, 2, 7), Float32Array.of(4, 0, 7)]; // mean 2, 1, 7; covariance 4, -2, 1, 0
  const random = randomStream(0, "test/like");
  const drawn = Array.from({ length: 4000 }, () => normalLike([a, b], random));
  const mean = (f: (image: Float32Array) => number): number =>
    drawn.reduce((sum, image) => sum + f(image), 0) / drawn.length;
  const close = (x: number, y: number): void => assert.ok(Math.abs(x - y) < 0.3, `${x}, ${y}`); // 3 to 5 deviations
  close(
    mean(([x]) => x),
    2,
  );
  close(
    mean(([, y]) => y),
    1,
  );
  close(
    mean(([x]) => (x - 2) ** 2),
    4,
  );
  close(
    mean(([x, y]) => (x - 2) * (y - 1)),
    -2,
  );
  assert.ok(drawn.every(([, , z]) => z === 7));
  assert.throws(() => normalLike([], random), { name: "DataError" });
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

test("units of the UNet: every axis of channels and of the time embedding is in one group, but those of images", () => {
  const model = unet({ channels: [64, 32, 64, 96], embedding: 8 });
  const arrays = new Map([...model.init(0), ...model.initBuffers(0)]);
  const seen = new Map<string, number>();
  for (const { size, axes } of model.units!) {
    for (const { parameter, axis } of axes) {
      const key = `${parameter} ${axis}`;
      seen.set(key, (seen.get(key) ?? 0) + size);
    }
  }
  const all = [...arrays].flatMap(([name, { shape }]) =>
    shape.slice(0, 2).map((length, axis): [string, number] => [`${name} ${axis}`, length]),
  );
  const fixed = ["conv1.weight 1", "tconv1.weight 1", "tconv1.bias 0"];
  assert.deepEqual([...seen].sort(), all.filter(([key]) => !fixed.includes(key)).sort());
  const blocks = new Map(model.units!.map(({ name, blocks: sizes }) => [name, sizes]));
  assert.deepEqual(
    ["conv1", "conv2", "conv3", "conv4"].map((name) => blocks.get(name)),
    [[16, 2], [], [2], [3]],
  );
});
