import assert from "node:assert/strict";
import { test } from "node:test";
import { paperFigure } from "spectral-lab/paper/index";
import {
  candidatesOf,
  finishedRuns,
  measuredOtherwise,
  preferred,
  storedRuns,
} from "spectral-lab/paper/stored";
import { mlpLabels, transformer, unet, vgg } from "spectral-lab/tasks/index";
import { inventedData } from "../store/description.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { storeExample } from "./stored-example.js";

const example = { matrices: ["fc.weight"], contacts: [] };

const generated = { name: "generated textures", standIn: true, fingerprint: "generated" };

test("stored runs: real data first, then more of them, whatever is measured; a setting's seeds are on equal data", (t) => {
  const runs = temporaryFolder(t);
  const stored = (number: number): unknown[] =>
    storedRuns(paperFigure(number), "quick", { runs }).map(({ facets, run }) => ({
      ...facets,
      data: run.record.data.fingerprint,
    }));
  storeExample(runs, { task: vgg }, { ...example, data: generated });
  storeExample(runs, { task: vgg, seed: 1 }, { ...example, data: generated });
  storeExample(runs, { task: unet, set: { evaluationLimit: 7 } }, example);
  storeExample(runs, { task: transformer, setting: "small" }, example);
  const { fingerprint } = inventedData;
  assert.deepEqual(stored(3), [
    { task: "vgg", setting: null, seed: 0, data: "generated" },
    { task: "vgg", setting: null, seed: 1, data: "generated" },
    { task: "unet", setting: null, seed: 0, data: fingerprint },
  ]);
  storeExample(runs, { task: vgg }, example);
  assert.deepEqual(stored(3)[0], { task: "vgg", setting: null, seed: 0, data: fingerprint });
  assert.equal(stored(3).length, 2, "the other seed is not on these data");
  storeExample(runs, { task: vgg }, { ...example, data: { fingerprint: "more", training: 1000 } });
  assert.deepEqual(stored(3)[0], { task: "vgg", setting: null, seed: 0, data: "more" });
  storeExample(runs, { task: mlpLabels, setting: "random", seed: 1 }, example);
  assert.deepEqual(stored(8), [{ task: "mlp-labels", setting: "random", seed: 1, data: fingerprint }]);
});

test("candidates are trained as is asked; the one on the given data is preferred", (t) => {
  const runs = temporaryFolder(t);
  const real = storeExample(runs, { task: vgg }, example);
  const standIn = storeExample(runs, { task: vgg }, { ...example, data: generated });
  storeExample(runs, { task: vgg, set: { learningRate: 0.2 } }, example);
  storeExample(runs, { task: vgg, seed: 1 }, example);
  const found = candidatesOf(finishedRuns([runs], vgg), { task: vgg });
  assert.deepEqual(new Set(found.map(({ folder }) => folder)), new Set([real.folder, standIn.folder]));
  assert.equal(preferred(found)?.folder, real.folder);
  assert.equal(preferred(found, "generated")?.folder, standIn.folder);
  assert.equal(preferred(found, "neither")?.folder, real.folder);
  assert.equal(preferred([]), undefined);
  assert.deepEqual(measuredOtherwise(real, { task: vgg }), []);
  assert.deepEqual(measuredOtherwise(real, { task: vgg, set: { evaluationLimit: 7 } }), [
    "evaluationLimit = 200, asked 7",
  ]);
});

test("a default that was changed since is never silently taken from an old run", (t) => {
  const runs = temporaryFolder(t);
  storeExample(runs, { task: vgg }, example);
  const later = { ...vgg, defaults: { ...vgg.defaults, momentum: 0.8 } };
  assert.throws(() => candidatesOf(finishedRuns([runs], later), { task: later }), {
    name: "StoreError",
    message:
      /expected a run with momentum = 0\.8, found one with momentum = 0\.9: a default of task vgg was changed/,
  });
});
