import assert from "node:assert/strict";
import { test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { ConfigError } from "spectral-lab/core/errors";
import { configOf } from "spectral-lab/tasks/task";
import { transformer } from "spectral-lab/tasks/transformer";
import { clockOf } from "spectral-lab/train/loop";
import { assertFinite, built, named, trainAlone } from "./tiny-run.js";

const tiny = {
  standIn: true,
  tokeniser: "words",
  vocabularySize: 30,
  words: 200,
  sequenceLength: 8,
  layers: 2,
  width: 8,
  heads: 2,
  hidden: 8,
  batchSize: 4,
  accumulation: 3,
  epochs: 1,
  evaluationLimit: 8,
  measureEvery: 1,
  pruneEvery: 1,
};

test("the defaults are the paper's numbers, and every profile has them where it says nothing else", () => {
  const paper = configOf(transformer, { profile: "paper" });
  const { layers, width, heads, hidden, sequenceLength, batchSize, accumulation, learningRate } = paper;
  assert.deepEqual([layers, width, heads, hidden, sequenceLength], [12, 768, 12, 768, 2048]);
  assert.deepEqual([batchSize, accumulation, learningRate, paper.warmUpSteps], [4, 64, 6e-4, 200]);
  assert.deepEqual([paper.weightDecay, paper.clipNorm, paper.epochs, paper.scheduleEpochs], [0.1, 1, 10, 30]);
  assert.equal(paper.tokeniser, "gpt-neox-20b");
  assert.equal(configOf(transformer, { profile: "lab" }).width, 768);
  assert.equal(configOf(transformer, { profile: "quick" }).layers, 12);
});

test("a small experiment is the same run in every profile", () => {
  const runs = (["quick", "lab", "paper"] as const).map((profile) =>
    configOf(transformer, { profile, setting: "small" }),
  );
  assert.deepEqual(runs[1], runs[0]);
  assert.deepEqual(runs[2], runs[0]);
});

test("impossible settings are errors that name them", async () => {
  const chosen = (set: Record<string, unknown>): unknown => configOf(transformer, { set });
  assert.throws(() => chosen({ tokeniser: "bytes" }), /"tokeniser": expected one of gpt-neox-20b, words/);
  assert.throws(() => chosen({ accumulation: 0 }), /"accumulation": expected a whole number >= 1/);
  assert.throws(() => chosen({ clipNorm: 0 }), /"clipNorm"/);
  assert.throws(() => chosen({ depth: 3 }), /"depth" does not exist/);
  await startBackend({ backend: "wasm" });
  const build = (set: Record<string, unknown>): Promise<unknown> => built(transformer, { ...tiny, ...set });
  await assert.rejects(build({ heads: 3 }), /width \(8\) must be divisible by heads \(3\)/);
  await assert.rejects(build({ tokeniser: "gpt-neox-20b" }), (error: Error) => {
    return error instanceof ConfigError && /generated grammar has only whole words/.test(error.message);
  });
});

test("the quick profile builds on the generated grammar, and says so", async () => {
  await startBackend({ backend: "wasm" });
  const { experiment, config, data } = await built(transformer);
  assert.equal(data.standIn, true);
  assert.match(data.name, /generated grammar/);
  assert.equal(experiment.batching.accumulation, config.accumulation);
  assert.ok(clockOf(experiment).totalSteps > 50);
});

test("two steps with accumulation: every probe finds its matrices and contacts; the same seed, the same numbers", async (t) => {
  const [run, again] = [
    await trainAlone(t, { task: transformer, set: tiny }),
    await trainAlone(t, { task: transformer, set: tiny }),
  ];
  const rows = run.rows();
  assertFinite(rows);
  assert.deepEqual(again.rows(), rows);
  assert.equal(run.record.step, 2); // 22 sequences: one step of 3 x 4 and one of 4 + 4 + 2
  const block = (i: number): string[] =>
    ["self_attn.in_proj_weight", "self_attn.out_proj.weight", "linear1.weight", "linear2.weight"].map(
      (name) => `transformer_encoder.layers.${i}.${name}`,
    );
  const matrices = ["encoder.weight", ...block(0), ...block(1), "decoder.weight"];
  assert.deepEqual(named(rows, "spectra", "matrix", 2), matrices);
  assert.deepEqual(named(rows, "agreement", "matrix", 2), matrices);
  assert.deepEqual(named(rows, "alignment", "contact", 2), [
    "encoder.weight -> in_proj",
    ...[0, 1].flatMap((i) => [
      `layer ${i} query -> key`,
      `layer ${i} value -> out_proj`,
      `layer ${i} out_proj -> linear1`,
      `layer ${i} linear1 -> linear2`,
      `layer ${i} linear2 -> ${i === 0 ? "layer 1 in_proj" : "decoder"}`,
    ]),
  ]);
  assert.deepEqual(named(rows, "pruning", "variant", 2), ["top", "bottom"]);
  assert.deepEqual(named(rows, "metrics", "metric", 2), ["loss"]);
});
