import assert from "node:assert/strict";
import { test } from "node:test";
import {
  agreementScoresTable,
  agreementTable,
  alignmentScoresTable,
  alignmentTable,
  metricsTable,
  ranksTable,
  spectrumTable,
} from "spectral-lab/analysis/tables";
import type { ColumnTable } from "arquero";
import { temporaryFolder } from "../store/temporary-folder.js";
import { tinyRun } from "./tiny.js";

/** A table as its names and its rows of cells. */
const cells = (table: ColumnTable): unknown[][] => {
  const names = table.columnNames();
  const rows = Array.from({ length: table.numRows() }, (_, row) => names.map((name) => table.get(name, row)));
  return [names, ...rows];
};
const at = (step: number): { step: number; epoch: number } => ({ step, epoch: step / 10 });
const metric = { probe: "metrics", split: "train", variant: "full", metric: "loss" };
const measures = {
  effectiveRank: 0.5,
  entropyRank: 0.25,
  count90: 3,
  stableRank: 2,
  gini: 0.75,
  largest: 4,
  median: 1,
  frobenius: 5,
};

test("metrics: evaluations and prunings of every run, one after the other, facets first", (t) => {
  const root = temporaryFolder(t);
  const first = tinyRun(root, "one", 0, {
    rows: [
      { ...at(0), ...metric, value: 2 },
      { ...at(0), probe: "spectra", matrix: "w", depth: 0, ...measures },
      { ...at(10), ...metric, probe: "pruning", variant: "top", value: NaN },
    ],
  });
  const second = tinyRun(
    root,
    "two",
    3,
    { rows: [{ ...at(5), ...metric, split: "validation", metric: "error", value: 0.5 }] },
    { setting: "decay", eta: 0.1 },
  );
  assert.deepEqual(cells(metricsTable([first, second])), [
    ["task", "setting", "seed", "eta", "step", "epoch", "split", "variant", "metric", "value"],
    ["one", null, 0, null, 0, 0, "train", "full", "loss", 2],
    ["one", null, 0, null, 10, 1, "train", "top", "loss", NaN],
    ["two", "decay", 3, 0.1, 5, 0.5, "validation", "full", "error", 0.5],
  ]);
});

test("ranks: every measure of every spectrum; what a run has not measured is null", (t) => {
  const root = temporaryFolder(t);
  const { gini: _, ...without } = measures;
  const run = tinyRun(root, "one", 1, {
    rows: [
      { ...at(0), probe: "spectra", matrix: "v", depth: 1, ...measures },
      { ...at(0), ...metric, value: 2 },
      { ...at(10), probe: "spectra", matrix: "w", depth: 0, ...without },
    ],
  });
  assert.deepEqual(cells(ranksTable([run])), [
    ["task", "setting", "seed", "step", "epoch", "matrix", "depth", ...Object.keys(measures)],
    ["one", null, 1, 0, 0, "v", 1, 0.5, 0.25, 3, 2, 0.75, 4, 1, 5],
    ["one", null, 1, 10, 1, "w", 0, 0.5, 0.25, 3, 2, null, 4, 1, 5],
  ]);
});

test("alignment and agreement scores: each probe's own rows", (t) => {
  const root = temporaryFolder(t);
  const run = tinyRun(root, "one", 0, {
    rows: [
      {
        ...at(0),
        probe: "alignment",
        contact: "a -> b",
        depth: 0,
        score: 0.125,
        dimension: 64,
        entries: 10,
        pairs: 4,
      },
      { ...at(0), probe: "agreement", matrix: "a", depth: 0, score: 1 },
      {
        ...at(10),
        probe: "alignment",
        contact: "b -> c",
        depth: 1,
        score: 0.5,
        dimension: 8,
        entries: 8,
        pairs: 1,
      },
      { ...at(10), probe: "agreement", matrix: "b", depth: 1, score: 0.25 },
    ],
  });
  assert.deepEqual(cells(alignmentScoresTable([run])), [
    [
      ...["task", "setting", "seed", "step", "epoch", "contact", "depth"],
      ...["score", "dimension", "entries", "pairs"],
    ],
    ["one", null, 0, 0, 0, "a -> b", 0, 0.125, 64, 10, 4],
    ["one", null, 0, 10, 1, "b -> c", 1, 0.5, 8, 8, 1],
  ]);
  assert.deepEqual(cells(agreementScoresTable([run])), [
    ["task", "setting", "seed", "step", "epoch", "matrix", "depth", "score"],
    ["one", null, 0, 0, 0, "a", 0, 1],
    ["one", null, 0, 10, 1, "b", 1, 0.25],
  ]);
});

test("arrays: spectra and diagonals by rank, of chosen names, at chosen steps, with the epochs of the rows", (t) => {
  const root = temporaryFolder(t);
  const arrays = (scale: number): Record<string, number[]> => ({
    "singular-values/v": [4 * scale, 2 * scale],
    "singular-values/w": [scale],
    "alignment/v -> w": [0.5 * scale, 0.25],
    "agreement/v": [0.75, 0.125 * scale],
  });
  const run = tinyRun(root, "one", 2, {
    rows: [0, 10].map((step) => ({ ...at(step), ...metric, value: 1 })),
    arrays: { 0: arrays(1), 10: arrays(2), 20: arrays(4) },
  });
  const origin = ["task", "setting", "seed", "step", "epoch"];
  assert.deepEqual(cells(spectrumTable([run], { only: (name) => name === "v" })), [
    [...origin, "matrix", "rank", "value"],
    ["one", null, 2, 0, 0, "v", 1, 4],
    ["one", null, 2, 0, 0, "v", 2, 2],
    ["one", null, 2, 10, 1, "v", 1, 8],
    ["one", null, 2, 10, 1, "v", 2, 4],
    ["one", null, 2, 20, null, "v", 1, 16],
    ["one", null, 2, 20, null, "v", 2, 8],
  ]);
  assert.deepEqual(cells(spectrumTable([run], { maxSteps: 2 })).slice(1), [
    ["one", null, 2, 0, 0, "v", 1, 4],
    ["one", null, 2, 0, 0, "v", 2, 2],
    ["one", null, 2, 0, 0, "w", 1, 1],
    ["one", null, 2, 20, null, "v", 1, 16],
    ["one", null, 2, 20, null, "v", 2, 8],
    ["one", null, 2, 20, null, "w", 1, 4],
  ]);
  assert.deepEqual(cells(alignmentTable([run], { maxSteps: 1 })), [
    [...origin, "contact", "rank", "value"],
    ["one", null, 2, 20, null, "v -> w", 1, 2],
    ["one", null, 2, 20, null, "v -> w", 2, 0.25],
  ]);
  assert.deepEqual(cells(agreementTable([run], { maxSteps: 1 })), [
    [...origin, "matrix", "rank", "value"],
    ["one", null, 2, 20, null, "v", 1, 0.75],
    ["one", null, 2, 20, null, "v", 2, 0.5],
  ]);
});

test("no runs make an empty table with its columns; a facet cannot take a column's name", (t) => {
  assert.deepEqual(cells(agreementScoresTable([])), [
    ["task", "setting", "seed", "step", "epoch", "matrix", "depth", "score"],
  ]);
  const run = tinyRun(temporaryFolder(t), "one", 0, { rows: [] }, { score: 1 });
  assert.throws(() => agreementScoresTable([run]), { name: "DataError", message: /found "score"/ });
});
