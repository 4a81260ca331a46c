import assert from "node:assert/strict";
import { test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { lstm } from "spectral-lab/tasks/lstm";
import { configOf } from "spectral-lab/tasks/task";
import { clockOf } from "spectral-lab/train/loop";
import { assertFinite, built, named, trainAlone } from "./tiny-run.js";

const tiny = {
  standIn: true,
  hidden: 6,
  layers: 2,
  utterances: 6,
  batchSize: 4,
  epochs: 1,
  evaluationLimit: 4,
};

test("the defaults are the paper's numbers, and every profile has its depth", () => {
  const paper = configOf(lstm, { profile: "paper" });
  assert.deepEqual([paper.hidden, paper.layers, paper.batchSize, paper.epochs], [256, 4, 32, 50]);
  assert.deepEqual([paper.learningRate, paper.weightDecay, paper.utterances], [3e-4, 0.1, 0]);
  assert.equal(configOf(lstm, { profile: "lab" }).hidden, 256);
});

test("impossible settings are errors that name them", () => {
  const chosen = (set: Record<string, unknown>): unknown => configOf(lstm, { set });
  assert.throws(() => chosen({ hidden: 0 }), /"hidden": expected a whole number >= 1/);
  assert.throws(() => chosen({ learningRate: -1 }), /"learningRate": expected a number in \[0, 1\]/);
  assert.throws(() => chosen({ dropout: 0.1 }), /"dropout" does not exist/);
  assert.throws(() => configOf(lstm, { setting: "no-decai" }), /did you mean "no-decay"/);
});

test("the quick profile builds on generated tones, and says so", async () => {
  await startBackend({ backend: "wasm" });
  const { experiment, config, data } = await built(lstm, { utterances: 20 });
  assert.equal(data.standIn, true);
  assert.match(data.name, /generated tones/);
  assert.equal(experiment.training.count, 20);
  assert.equal(
    clockOf(experiment).totalSteps,
    Number(config.epochs) * Math.ceil(20 / Number(config.batchSize)),
  );
});

test("two steps: every probe finds its matrices and contacts; the same seed, the same numbers", async (t) => {
  const [run, again] = [
    await trainAlone(t, { task: lstm, set: tiny }),
    await trainAlone(t, { task: lstm, set: tiny }),
  ];
  const rows = run.rows();
  assertFinite(rows);
  assert.deepEqual(again.rows(), rows);
  assert.equal(run.record.step, 2);
  const weights = [0, 1].flatMap((layer) =>
    ["", "_reverse"].flatMap((direction) =>
      ["ih", "hh"].map((kind) => `weight_${kind}_l${layer}${direction}`),
    ),
  );
  const matrices = [...weights.map((name) => `lstm.${name}`), "linear.weight"];
  assert.deepEqual(named(rows, "spectra", "matrix", 2), matrices);
  assert.deepEqual(named(rows, "agreement", "matrix", 2), matrices);
  const contacts = named(rows, "alignment", "contact", 2);
  assert.equal(contacts.length, 2 * 2 * 4 * 3); // layers, directions, gates; ih to hh, ih and hh to the next layer
  assert.ok(contacts.includes("weight_ih_l0 -> weight_hh_l0, cell gate"));
  assert.ok(contacts.includes("weight_hh_l0_reverse -> weight_ih_l1_reverse, cell gate"));
  assert.ok(contacts.includes("weight_ih_l1_reverse -> linear, cell gate"));
  assert.deepEqual(named(rows, "pruning", "variant", 2), ["top", "bottom"]);
  assert.deepEqual(named(rows, "metrics", "metric", 2), ["loss", "characterError", "wordError"]);
});
