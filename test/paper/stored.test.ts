import assert from "node:assert/strict";
import { test } from "node:test";
import { paperFigure } from "spectral-lab/paper/index";
import { storedRuns } from "spectral-lab/paper/stored";
import { mlpLabels, transformer, unet, vgg } from "spectral-lab/tasks/index";
import { temporaryFolder } from "../store/temporary-folder.js";
import { storeExample } from "./stored-example.js";

const example = { matrices: ["fc.weight"], contacts: [] };

test("stored runs: real data first, else the stand-in; the paper's settings of the task", (t) => {
  const runs = temporaryFolder(t);
  const stored = (number: number): unknown[] =>
    storedRuns(paperFigure(number), "quick", { runs }).map(({ facets, run }) => ({
      ...facets,
      standIn: run.record.config.standIn === true,
    }));
  storeExample(runs, { task: vgg, set: { standIn: true } }, example);
  storeExample(runs, { task: unet }, example);
  storeExample(runs, { task: transformer, setting: "small" }, example);
  assert.deepEqual(stored(3), [
    { task: "vgg", setting: null, seed: 0, standIn: true },
    { task: "unet", setting: null, seed: 0, standIn: false },
  ]);
  storeExample(runs, { task: vgg }, example);
  assert.deepEqual(stored(3)[0], { task: "vgg", setting: null, seed: 0, standIn: false });
  storeExample(runs, { task: mlpLabels, setting: "random", seed: 1 }, example);
  assert.deepEqual(stored(8), [{ task: "mlp-labels", setting: "random", seed: 1, standIn: false }]);
});
