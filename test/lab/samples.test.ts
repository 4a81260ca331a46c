import assert from "node:assert/strict";
import { test } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { samplesFigure } from "spectral-lab/figures/samples";
import { showSamples } from "spectral-lab/lab/samples";
import { unet } from "spectral-lab/tasks/index";
import { storeExample } from "../paper/stored-example.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { printed } from "./fake-notebook.js";

test("a run without weights draws no samples and says how to get them", async (t) => {
  const run = storeExample(temporaryFolder(t), { task: unet }, { matrices: ["conv3.weight"], contacts: [] });
  const text = (await printed(() => showSamples(run))).join("\n");
  assert.match(text, /came without its weights/);
  assert.match(text, /spectral train unet --profile quick/);
});

test("samples: a row per image, a column per moment, apart by a gap", () => {
  const stages = [900, 500, 0].map((step) => ({
    step,
    images: [
      [1, 1, 1, step / 1000],
      [0, 0, 0, 0],
    ],
  }));
  const { data, layout } = samplesFigure(stages);
  const { z } = data.find(({ type }) => type === "heatmap") as unknown as { z: (number | null)[][] };
  assert.deepEqual([z.length, z[0].length], [2 * 3, 3 * 3]);
  assert.deepEqual(z[1], [1, 0.9, null, 1, 0.5, null, 1, 0, null]);
  assert.ok(z[2].every((value) => value === null));
  assert.deepEqual(z[4], [0, 0, null, 0, 0, null, 0, 0, null]);
  assert.deepEqual(layout.xaxis?.ticktext, ["900", "500", "0"]);
  assert.deepEqual(layout.xaxis?.tickvals, [0.5, 3.5, 6.5]);
  assert.throws(() => samplesFigure([]), DataError);
});
