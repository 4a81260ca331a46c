import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";
import { imageExamples } from "spectral-lab/data/images";
import { MNIST_NORMALISATION } from "spectral-lab/data/mnist";
import { digits } from "spectral-lab/data/standins/digits";
import { configOf } from "spectral-lab/tasks/task";
import { diffusionExamples, unet } from "spectral-lab/tasks/unet";
import { clockOf } from "spectral-lab/train/loop";
import { assertFinite, built, named, trainAlone } from "./tiny-run.js";

before(() => startBackend({ backend: "wasm" }));

const tiny = {
  standIn: true,
  channels: 4,
  embedding: 8,
  trainingExamples: 6,
  evaluationLimit: 4,
  batchSize: 3,
  epochs: 1,
};

test("the defaults are the paper's numbers", () => {
  const { channels, embedding, learningRate, weightDecay, batchSize, epochs, trainingExamples } = configOf(
    unet,
    {
      profile: "paper",
    },
  );
  assert.deepEqual([channels, embedding, batchSize, epochs], [64, 512, 128, 100]);
  assert.deepEqual([learningRate, weightDecay, trainingExamples], [3e-4, 0, 0]);
  assert.equal(configOf(unet, { profile: "lab" }).channels, 64);
});

test("impossible settings are errors that name them", () => {
  const chosen = (set: Record<string, unknown>): unknown => configOf(unet, { set });
  for (const channels of [0, 6, 33, -32])
    assert.throws(() => chosen({ channels }), /"channels": expected 4, 8, 16 or a multiple of 32/);
  assert.throws(() => chosen({ embedding: 7 }), /"embedding": expected an even number/);
  assert.throws(() => chosen({ embedding: 0 }), /"embedding": expected a whole number >= 2/);
  assert.throws(() => chosen({ learningRates: 1 }), /did you mean "learningRate"/);
});

test("noise and times come from the batch's stream alone: normal, and uniform in [0, 1000)", () => {
  const examples = diffusionExamples(imageExamples(digits(64, "training"), MNIST_NORMALISATION));
  assert.ok(!examples.fixed); // a batch is never used twice
  const draw = (stream: string, indices: Int32Array): [number[], number[], number[]] => {
    const batch = examples.batch(indices, randomStream(0, stream));
    assert.deepEqual(batch.images.shape, [indices.length, 28, 28, 1]);
    assert.deepEqual(batch.noise.shape, batch.images.shape);
    assert.equal(batch.steps.dtype, "int32");
    const [images, noise, steps] = [batch.images, batch.noise, batch.steps].map((tensor) =>
      Array.from(tensor.dataSync()),
    );
    tf.dispose([batch.images, batch.noise, batch.steps]);
    return [images, noise, steps];
  };
  const all = Int32Array.from({ length: 64 }, (_, i) => i);
  const [images, noise, steps] = draw("a", all);
  const again = draw("a", all);
  assert.deepEqual(again, [images, noise, steps]);
  const [sameImages, otherNoise, otherSteps] = draw("b", all);
  assert.deepEqual(sameImages, images);
  assert.notDeepEqual(otherNoise, noise);
  assert.notDeepEqual(otherSteps, steps);
  const mean = noise.reduce((sum, x) => sum + x, 0) / noise.length;
  const variance = noise.reduce((sum, x) => sum + (x - mean) ** 2, 0) / noise.length;
  assert.ok(Math.abs(mean) < 0.02 && Math.abs(variance - 1) < 0.03, `${mean} ${variance}`); // 50176 numbers
  assert.ok(steps.every((t) => t >= 0 && t < 1000));
  assert.ok(Math.min(...steps) < 200 && Math.max(...steps) >= 800);
});

test("the quick profile builds on generated digits, and says so", async () => {
  const { experiment, config, data } = await built(unet);
  assert.equal(data.standIn, true);
  assert.match(data.name, /generated digits/);
  assert.equal(experiment.training.count, config.trainingExamples);
  assert.equal(clockOf(experiment).totalSteps, 50 * Number(config.epochs));
});

test("two steps: every probe finds its matrices and contacts; the same seed, the same numbers", async (t) => {
  const [run, again] = [
    await trainAlone(t, { task: unet, set: tiny }),
    await trainAlone(t, { task: unet, set: tiny }),
  ];
  const rows = run.rows();
  assertFinite(rows);
  assert.deepEqual(again.rows(), rows);
  assert.equal(run.record.step, 2);
  const matrices = named(rows, "spectra", "matrix", 2);
  const layers = ["conv1", "conv2", "conv3", "conv4", "tconv4", "tconv3", "tconv2", "tconv1"];
  assert.deepEqual(
    matrices.filter((name) => name.includes("conv")),
    layers.map((layer) => `${layer}.weight`),
  );
  assert.equal(matrices.filter((name) => name.includes("dense")).length, 7);
  assert.ok(matrices.includes("time_embed.1.weight"));
  assert.deepEqual(named(rows, "agreement", "matrix", 2), matrices);
  const contacts = named(rows, "alignment", "contact", 2);
  assert.equal(contacts.length, 7 + 7 + 6); // chain, times, skips
  assert.ok(contacts.includes("conv1 -> tconv1") && contacts.includes("dense4 -> tconv4"));
  assert.deepEqual(named(rows, "pruning", "variant", 2), ["top", "bottom"]);
  assert.deepEqual(named(rows, "metrics", "metric", 2), ["loss"]);
});
