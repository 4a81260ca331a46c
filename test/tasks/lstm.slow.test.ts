import assert from "node:assert/strict";
import { test } from "node:test";
import { lstm } from "spectral-lab/tasks/lstm";
import { assertFinite, firstAndLast, peakMemory, tensorsWhileTraining, trainAlone } from "./tiny-run.js";

test("the quick profile learns to read generated tones, with every probe on, in less than 3 GB", async (t) => {
  const run = await trainAlone(t, { task: lstm, set: { standIn: true } });
  const rows = run.rows();
  assertFinite(rows);
  const [before, after] = firstAndLast(rows, "loss");
  assert.ok(before > 3 && after < 1, `CTC loss ${before} -> ${after}`);
  const [errorsBefore, errorsAfter] = firstAndLast(rows, "characterError");
  assert.ok(errorsBefore > 0.9 && errorsAfter < 0.3, `character error ${errorsBefore} -> ${errorsAfter}`);
  const [, top] = firstAndLast(rows, "loss", "validation", "top");
  const [, bottom] = firstAndLast(rows, "loss", "validation", "bottom");
  assert.ok(top < bottom, `top half ${top}, bottom half ${bottom}`);
  assert.ok(peakMemory() < 3e9, `${peakMemory()} bytes`);
});

test("500 steps hold no more tensors than 50", async (t) => {
  const tiny = { standIn: true, hidden: 4, layers: 2, utterances: 4, batchSize: 2, evaluationLimit: 2 };
  const set = { ...tiny, epochs: 250, measureEvery: 1000, pruneEvery: 1000 };
  const counts = await tensorsWhileTraining(t, { task: lstm, set }, 50);
  assert.ok(counts.length > 10);
  assert.ok(counts[counts.length - 1] <= counts[0], `${counts[0]} -> ${counts[counts.length - 1]}`); // early ones may hold a snapshot
});
