import assert from "node:assert/strict";
import { test } from "node:test";
import {
  agreementChange,
  alignmentChange,
  learnedAt,
  lookup,
  prunedMetric,
  rankChange,
  singularValueGrowth,
} from "spectral-lab/analysis/summaries";
import { temporaryFolder } from "../store/temporary-folder.js";
import { tinyRun } from "./tiny.js";

const at = (step: number): { step: number; epoch: number } => ({ step, epoch: step / 10 });

test("learned: the first step below each threshold, last step, last errors; null where it never was", (t) => {
  const root = temporaryFolder(t);
  const error = (step: number, split: string, value: number, more = {}): Record<string, string | number> => ({
    ...at(step),
    probe: "metrics",
    split,
    variant: "full",
    metric: "error",
    value,
    ...more,
  });
  const run = tinyRun(
    root,
    "one",
    0,
    {
      rows: [
        error(0, "train", 0.9),
        error(0, "validation", 0.95),
        error(0, "train", 0.01, { metric: "loss" }),
        error(5, "train", 0.02, { probe: "pruning", variant: "top" }),
        error(10, "train", 0.04),
        error(10, "validation", 0.5),
        error(20, "train", 0.06),
        error(20, "validation", 0.25),
      ],
    },
    { setting: "decay" },
  );
  const untouched = tinyRun(root, "one", 1, { rows: [] });
  const thresholds = [
    { split: "train", below: 0.05 },
    { split: "validation", below: 0.1 },
  ];
  assert.deepEqual(learnedAt([run, untouched], thresholds).objects(), [
    {
      task: "one",
      setting: "decay",
      seed: 0,
      "train error < 0.05 at step": 10,
      "validation error < 0.1 at step": null,
      "last step": 20,
      "last train error": 0.06,
      "last validation error": 0.25,
    },
    {
      task: "one",
      setting: null,
      seed: 1,
      "train error < 0.05 at step": null,
      "validation error < 0.1 at step": null,
      "last step": 20,
      "last train error": null,
      "last validation error": null,
    },
  ]);
});

test("changes: first and last of every subject of every run, whatever the others have", (t) => {
  const root = temporaryFolder(t);
  const rank = (step: number, matrix: string, effectiveRank: number): Record<string, string | number> => ({
    ...at(step),
    probe: "spectra",
    matrix,
    depth: 0,
    effectiveRank,
  });
  const score = (step: number, probe: string, value: number): Record<string, string | number> => ({
    ...at(step),
    probe,
    [probe === "alignment" ? "contact" : "matrix"]: probe === "alignment" ? "v -> w" : "w",
    depth: 0,
    score: value,
  });
  const rows = [
    rank(0, "w", 0.75),
    rank(0, "v", 0.5),
    rank(10, "w", NaN),
    rank(10, "v", 0.25),
    rank(20, "w", 0.25),
  ];
  const scores = [
    score(0, "alignment", 0.125),
    score(0, "agreement", 1),
    score(20, "alignment", 0.5),
    score(20, "agreement", 0.25),
  ];
  const runs = [
    tinyRun(root, "one", 0, { rows: [...rows, ...scores] }),
    tinyRun(root, "two", 0, { rows: [rank(0, "w", 0.5), rank(20, "w", NaN)] }),
    tinyRun(root, "one", 1, { rows: [rank(0, "w", 0.5)] }),
  ];
  assert.deepEqual(rankChange(runs).objects(), [
    { task: "one", setting: null, seed: 0, matrix: "w", first: 0.75, last: 0.25, change: -0.5 },
    { task: "one", setting: null, seed: 0, matrix: "v", first: 0.5, last: 0.25, change: -0.25 },
    { task: "two", setting: null, seed: 0, matrix: "w", first: 0.5, last: NaN, change: NaN },
    { task: "one", setting: null, seed: 1, matrix: "w", first: 0.5, last: 0.5, change: 0 },
  ]);
  assert.deepEqual(alignmentChange(runs).objects(), [
    { task: "one", setting: null, seed: 0, contact: "v -> w", first: 0.125, last: 0.5, change: 0.375 },
  ]);
  assert.deepEqual(agreementChange(runs).objects(), [
    { task: "one", setting: null, seed: 0, matrix: "w", first: 1, last: 0.25, change: -0.75 },
  ]);
  assert.equal(rankChange([]).numRows(), 0);
});

test("growth: each singular value of one matrix, at the first and the last stored step", (t) => {
  const root = temporaryFolder(t);
  const arrays = {
    0: { "singular-values/v": [1], "singular-values/w": [2, 1] },
    10: { "singular-values/v": [1], "singular-values/w": [9, 9] },
    20: { "singular-values/v": [1], "singular-values/w": [8, 0.5] },
  };
  const run = tinyRun(root, "one", 4, { rows: [], arrays });
  assert.deepEqual(singularValueGrowth([run], "w").objects(), [
    { task: "one", setting: null, seed: 4, rank: 1, first: 2, last: 8, growth: 4 },
    { task: "one", setting: null, seed: 4, rank: 2, first: 1, last: 0.5, growth: 0.5 },
  ]);
  assert.throws(() => singularValueGrowth([run], "absent"), { name: "DataError" });
});

test("pruned: full, top and bottom at the last pruning; nulls without one", (t) => {
  const root = temporaryFolder(t);
  const loss = (
    step: number,
    variant: string,
    value: number,
    more = {},
  ): Record<string, string | number> => ({
    ...at(step),
    probe: variant === "full" ? "metrics" : "pruning",
    split: "validation",
    variant,
    metric: "loss",
    value,
    ...more,
  });
  const pruned = tinyRun(root, "one", 0, {
    rows: [
      ...[loss(0, "full", 3), loss(0, "top", 4), loss(0, "bottom", 5)],
      ...[loss(10, "full", 2), loss(10, "top", 2.5), loss(10, "bottom", 4.5)],
      ...[loss(10, "top", 9, { split: "train" }), loss(10, "top", 9, { metric: "error" })],
      loss(20, "full", 1),
    ],
  });
  const whole = tinyRun(root, "one", 1, { rows: [loss(0, "full", 3)] });
  assert.deepEqual(prunedMetric([pruned, whole], "validation", "loss").objects(), [
    { task: "one", setting: null, seed: 0, step: 10, full: 2, "top half": 2.5, "bottom half": 4.5 },
    { task: "one", setting: null, seed: 1, step: null, full: null, "top half": null, "bottom half": null },
  ]);
});

test("lookup: one cell of the first row that matches; no row, or no such column, is an error", (t) => {
  const arrays = { 0: { "singular-values/w": [2, 1] }, 20: { "singular-values/w": [8, 0.5] } };
  const growth = singularValueGrowth([tinyRun(temporaryFolder(t), "one", 0, { rows: [], arrays })], "w");
  assert.equal(lookup(growth, { task: "one", rank: 2 }, "last"), 0.5);
  assert.throws(() => lookup(growth, { rank: 3 }, "last"), { name: "RangeError", message: /"rank":3/ });
  assert.throws(() => lookup(growth, { rank: 1 }, "lsat"), { name: "DataError", message: /"lsat"/ });
  assert.throws(() => lookup(growth, { label: "one" }, "last"), { name: "DataError", message: /"label"/ });
});
