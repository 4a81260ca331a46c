import assert from "node:assert/strict";
import { test } from "node:test";
import { updateAt } from "spectral-lab/optim/optimiser";
import { startBackend } from "spectral-lab/backend/start";
import { cifarDecay } from "spectral-lab/tasks/cifar-decay";
import { configOf } from "spectral-lab/tasks/task";
import { vgg } from "spectral-lab/tasks/vgg";
import { clockOf } from "spectral-lab/train/loop";
import { assertFinite, built, named, trainAlone } from "./tiny-run.js";

const tiny = {
  standIn: true,
  channels: 2,
  trainingExamples: 8,
  evaluationLimit: 4,
  batchSize: 4,
  epochs: 1,
  milestones: "",
};

test("the defaults are the paper's numbers", () => {
  const paper = configOf(vgg, { profile: "paper" });
  const { depth, channels, learningRate, milestones, momentum, weightDecay, batchSize, epochs } = paper;
  assert.deepEqual([depth, channels, batchSize, epochs], [16, 64, 128, 164]);
  assert.deepEqual([learningRate, milestones, momentum, weightDecay], [0.1, "82,123,160", 0.9, 1e-4]);
  assert.equal(paper.trainingExamples, 0);
  const lab = configOf(vgg, { profile: "lab" });
  assert.deepEqual([lab.depth, lab.channels, lab.trainingExamples], [16, 64, 0]);
});

test("impossible settings are errors that name them", () => {
  const chosen = (set: Record<string, unknown>): unknown => configOf(vgg, { set });
  assert.throws(() => chosen({ depth: 12 }), /"depth": expected 11, 13, 16 or 19, found 12/);
  for (const milestones of ["5,4", "5,,7", "5,", "0", "five", "3 4"])
    assert.throws(() => chosen({ milestones }), /"milestones": expected rising epochs/, milestones);
  assert.throws(() => chosen({ channels: 0 }), /"channels": expected a whole number >= 1/);
  assert.throws(() => chosen({ dropout: 0.5 }), /"dropout" does not exist/);
});

test("the learning rate falls to a tenth at each milestone", async () => {
  await startBackend({ backend: "wasm" });
  const set = { standIn: true, trainingExamples: 40, batchSize: 10, epochs: 3, milestones: "1, 2.5" };
  const { experiment } = await built(vgg, { ...set, momentum: 0, weightDecay: 0 });
  const { optimiser } = experiment;
  const tf = await import("@tensorflow/tfjs");
  const change = (step: number): number => {
    const [p, g] = [new Map([["w", tf.scalar(0)]]), new Map([["w", tf.scalar(1)]])];
    return -updateAt(optimiser, g, optimiser.init(p), p, step).parameters.get("w")!.dataSync()[0];
  };
  const rates = [0, 3, 4, 9, 10, 11].map(change); // four steps per epoch
  [0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005].forEach((rate, i) =>
    assert.ok(Math.abs(rates[i] - rate) < 1e-6 * rate + 1e-9),
  );
});

test("the quick profiles build on generated textures, and say so", async () => {
  await startBackend({ backend: "wasm" });
  for (const task of [vgg, cifarDecay]) {
    const { experiment, config, data } = await built(task);
    assert.equal(data.standIn, true);
    assert.match(data.name, /generated textures/);
    assert.equal(experiment.training.count, config.trainingExamples);
    const { stepsPerEpoch, totalSteps } = clockOf(experiment);
    assert.equal(stepsPerEpoch, Math.ceil(experiment.training.count / Number(config.batchSize)));
    assert.equal(totalSteps, stepsPerEpoch * Number(config.epochs));
  }
});

test("two steps: every probe finds its matrices and contacts; the same seed, the same numbers", async (t) => {
  const [run, again] = [
    await trainAlone(t, { task: vgg, set: tiny }),
    await trainAlone(t, { task: vgg, set: tiny }),
  ];
  const rows = run.rows();
  assertFinite(rows);
  assert.deepEqual(again.rows(), rows);
  assert.equal(run.record.step, 2);
  const matrices = named(rows, "spectra", "matrix", 2);
  assert.equal(matrices.length, 14); // 13 convolutions and the linear layer
  assert.deepEqual([matrices[0], matrices[13]], ["layers.0.conv.weight", "fc.weight"]);
  assert.deepEqual(named(rows, "agreement", "matrix", 2), matrices);
  const contacts = named(rows, "alignment", "contact", 2);
  assert.deepEqual(contacts, [
    ...Array.from({ length: 12 }, (_, i) => `conv ${i} -> conv ${i + 1}`),
    "conv 12 -> fc",
  ]);
  assert.deepEqual(named(rows, "pruning", "variant", 2), ["top", "bottom"]);
  assert.deepEqual(named(rows, "metrics", "metric", 2), ["loss", "error"]);
  assert.deepEqual(run.weightSteps(), [2]); // later analyses add more
});

test("with and without weight decay: the same network, and only the decay differs", async (t) => {
  const [without, decayed] = ["no-decay", "decay"].map((setting) => configOf(cifarDecay, { setting }));
  assert.deepEqual({ ...decayed, weightDecay: 0 }, without);
  const set = { ...tiny, epochs: 2 };
  const runs = [
    await trainAlone(t, { task: cifarDecay, setting: "no-decay", set }),
    await trainAlone(t, { task: cifarDecay, setting: "decay", set: { ...set, weightDecay: 1 } }),
  ];
  const norms = runs.map((run) => {
    assertFinite(run.rows());
    const spectra = run.rows().filter(({ probe, step }) => probe === "spectra" && step === 4);
    assert.equal(spectra.length, 9); // VGG-11
    return spectra.map((row) => Number(row.frobenius));
  });
  norms[0].forEach((norm, i) => assert.ok(norms[1][i] < norm));
});
