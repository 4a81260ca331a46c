import assert from "node:assert/strict";
import { test } from "node:test";
import { transformer } from "spectral-lab/tasks/transformer";
import { assertFinite, firstAndLast, peakMemory, tensorsWhileTraining, trainAlone } from "./tiny-run.js";

for (const setting of [undefined, "small"]) {
  const title = setting ? `the setting "${setting}"` : "the quick profile";
  test(`${title} learns the generated grammar, with every probe on, in less than 3 GB`, async (t) => {
    const run = await trainAlone(t, { task: transformer, setting, set: { standIn: true } });
    const rows = run.rows();
    assertFinite(rows);
    const [before, after] = firstAndLast(rows, "loss").map(Math.exp);
    assert.ok(before > 200 && after < 40, `perplexity ${before} -> ${after}`);
    const [, top] = firstAndLast(rows, "loss", "validation", "top");
    const [, bottom] = firstAndLast(rows, "loss", "validation", "bottom");
    assert.ok(top < bottom - 0.5, `top half ${top}, bottom half ${bottom}`);
    assert.ok(peakMemory() < 3e9, `${peakMemory()} bytes`);
  });
}

test("500 steps hold no more tensors than 50", async (t) => {
  const tiny = {
    layers: 1,
    width: 8,
    heads: 2,
    hidden: 8,
    vocabularySize: 20,
    words: 200,
    sequenceLength: 9,
  };
  const batches = { batchSize: 2, accumulation: 2, epochs: 100, evaluationLimit: 2 };
  const set = { standIn: true, ...tiny, ...batches, measureEvery: 1000, pruneEvery: 1000 };
  const counts = await tensorsWhileTraining(t, { task: transformer, set }, 50);
  assert.ok(counts.length > 10);
  assert.ok(counts[counts.length - 1] <= counts[0], `${counts[0]} -> ${counts[counts.length - 1]}`); // early ones may hold a snapshot
});
