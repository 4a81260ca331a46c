import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";
import type { ImageTensors } from "spectral-lab/models/classification";
import { configOf } from "spectral-lab/tasks/task";
import { mlpLabels } from "spectral-lab/tasks/mlp-labels";
import type { Examples } from "spectral-lab/train/examples";
import type { Experiment } from "spectral-lab/train/experiment";
import { assertFinite, built, named, trainAlone } from "./tiny-run.js";

before(() => startBackend({ backend: "wasm" }));

const tiny = {
  standIn: true,
  hidden: 6,
  trainingExamples: 8,
  evaluationLimit: 4,
  batchSize: 4,
  epochs: 1,
};

test("the defaults are the paper's numbers, with true labels", () => {
  const {
    hidden,
    layers,
    learningRate,
    momentum,
    weightDecay,
    batchSize,
    epochs,
    measureEvery,
    randomLabels,
  } = configOf(mlpLabels, { profile: "paper", setting: "true" });
  assert.deepEqual([hidden, layers, batchSize, epochs, measureEvery], [256, 4, 128, 300, 1]);
  assert.deepEqual([learningRate, momentum, weightDecay, randomLabels], [1e-3, 0.9, 0, false]);
  assert.equal(configOf(mlpLabels, { profile: "paper", setting: "random" }).randomLabels, true);
});

test("impossible settings are errors that name them", () => {
  const chosen = (set: Record<string, unknown>): unknown => configOf(mlpLabels, { set });
  assert.throws(() => chosen({ layers: 1 }), /"layers": expected a whole number >= 2/);
  assert.throws(() => chosen({ randomLabels: "yes" }), /"randomLabels": expected a boolean/);
  assert.throws(() => configOf(mlpLabels, { setting: "randon" }), /did you mean "random"/);
});

/** Images and labels of the first examples of a set. */
function contentOf(examples: Examples<unknown>, count = 300): { images: Float32Array; labels: number[] } {
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  const batch = examples.batch(indices, randomStream(0, "unused")) as ImageTensors;
  const content = {
    images: batch.images.dataSync() as Float32Array,
    labels: Array.from(batch.labels.dataSync()),
  };
  tf.dispose([batch.images, batch.labels]);
  return content;
}

test("random labels are random in both parts, and a function of the seed", async () => {
  const labelled = async (setting: string, seed: number): Promise<Experiment> =>
    (await built(mlpLabels, {}, { setting, seed })).experiment;
  const [real, random] = [await labelled("true", 0), await labelled("random", 0)];
  const [trueTraining, randomTraining] = [contentOf(real.training), contentOf(random.training)];
  assert.deepEqual(randomTraining.images, trueTraining.images);
  const same = randomTraining.labels.filter((label, i) => label === trueTraining.labels[i]).length;
  assert.ok(same > 10 && same < 60, `${same} of 300 labels kept`); // a tenth by chance
  const validation = [random, real].map(({ evaluations }) => contentOf(evaluations.validation.examples));
  assert.deepEqual(validation[0].images, validation[1].images);
  const keptLabels = validation[0].labels.filter((label, i) => label === validation[1].labels[i]).length;
  assert.ok(keptLabels < validation[1].labels.length / 3, `${keptLabels} validation labels kept`);
  assert.deepEqual(contentOf(random.evaluations.train.examples), randomTraining);
  assert.deepEqual(contentOf((await labelled("random", 0)).training), randomTraining);
  assert.notDeepEqual(contentOf((await labelled("random", 1)).training).labels, randomTraining.labels);
  assert.deepEqual(contentOf((await labelled("true", 1)).training), trueTraining);
});

test("two steps: every probe finds its matrices and contacts; the same seed, the same numbers", async (t) => {
  const runs = [
    await trainAlone(t, { task: mlpLabels, setting: "true", set: tiny }),
    await trainAlone(t, { task: mlpLabels, setting: "random", set: tiny }),
    await trainAlone(t, { task: mlpLabels, setting: "random", set: tiny }),
  ];
  assert.deepEqual(runs[2].rows(), runs[1].rows());
  for (const run of runs.slice(0, 2)) {
    const rows = run.rows();
    assertFinite(rows);
    assert.equal(run.record.step, 2);
    const matrices = [0, 1, 2, 3].map((i) => `layers.${i}.weight`);
    assert.deepEqual(named(rows, "spectra", "matrix", 2), matrices);
    assert.deepEqual(named(rows, "agreement", "matrix", 2), matrices);
    assert.deepEqual(named(rows, "alignment", "contact", 2), [
      "layers.0 -> layers.1",
      "layers.1 -> layers.2",
      "layers.2 -> layers.3",
    ]);
    assert.deepEqual(named(rows, "pruning", "variant", 2), ["top", "bottom"]);
    assert.deepEqual(named(rows, "metrics", "metric", 2), ["loss", "error"]);
  }
});
