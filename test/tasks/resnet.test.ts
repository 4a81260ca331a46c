import assert from "node:assert/strict";
import { test } from "node:test";
import { resnet } from "spectral-lab/tasks/resnet";
import { configOf } from "spectral-lab/tasks/task";
import { vgg } from "spectral-lab/tasks/vgg";
import { assertFinite, named, trainAlone } from "./tiny-run.js";

const tiny = {
  standIn: true,
  channels: 2,
  trainingExamples: 8,
  evaluationLimit: 4,
  batchSize: 4,
  epochs: 1,
  milestones: "",
};

test("the defaults are ResNet-18 with CIFAR's stem, trained as the paper trains its VGG", () => {
  const { depth, stem, channels, ...training } = configOf(resnet, { profile: "paper" });
  assert.deepEqual([depth, stem, channels], [18, "cifar", 64]);
  const { depth: _depth, channels: _channels, ...asVgg } = configOf(vgg, { profile: "paper" });
  assert.deepEqual(training, asVgg);
});

test("impossible settings are errors that name them", () => {
  const chosen = (set: Record<string, unknown>): unknown => configOf(resnet, { set });
  assert.throws(() => chosen({ depth: 16 }), /"depth": expected 18, 34, 50, 101 or 152, found 16/);
  assert.throws(() => chosen({ stem: "mnist" }), /"stem": expected one of cifar, imagenet, found "mnist"/);
  assert.throws(() => chosen({ milestones: "5,4" }), /"milestones": expected rising epochs/);
});

for (const [stem, depth, matrices, contacts] of [
  ["cifar", 18, 21, 23],
  ["imagenet", 50, 54, 57],
] as const) {
  test(`two steps of ResNet-${depth} with the ${stem} stem: every probe finds its matrices and contacts`, async (t) => {
    const run = await trainAlone(t, { task: resnet, set: { ...tiny, stem, depth } });
    const rows = run.rows();
    assertFinite(rows);
    assert.equal(run.record.step, 2);
    const names = named(rows, "spectra", "matrix", 2);
    assert.equal(names.length, matrices);
    assert.deepEqual([names[0], names.at(-1)], ["conv1.weight", "fc.weight"]);
    assert.deepEqual(named(rows, "agreement", "matrix", 2), names);
    assert.equal(named(rows, "alignment", "contact", 2).length, contacts);
    assert.deepEqual(named(rows, "pruning", "variant", 2), ["top", "bottom"]);
    assert.deepEqual(named(rows, "metrics", "metric", 2), ["loss", "error"]);
  });
}
