import assert from "node:assert/strict";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import type { NdArray } from "spectral-lab/core/array";
import { checkpointFromEnvironment, showSpectra } from "spectral-lab/lab/checkpoint";
import { writeSafetensors } from "spectral-lab/store/safetensors";
import { temporaryFolder } from "../store/temporary-folder.js";
import { inNotebook, printed } from "./fake-notebook.js";

test("SPECTRAL_CHECKPOINT names one model, steps, or all that lies in a folder", (t) => {
  const before = process.env.SPECTRAL_CHECKPOINT;
  t.after(() => {
    if (before === undefined) delete process.env.SPECTRAL_CHECKPOINT;
    else process.env.SPECTRAL_CHECKPOINT = before;
  });
  delete process.env.SPECTRAL_CHECKPOINT;
  assert.equal(checkpointFromEnvironment(), undefined);
  for (const [value, paths] of [
    ["", undefined],
    ["model.pt", "model.pt"],
    [["step1", "step2"].join(delimiter), ["step1", "step2"]],
    ["runs/weights/*", ["runs/weights"]],
  ] as const) {
    process.env.SPECTRAL_CHECKPOINT = value;
    assert.deepEqual(checkpointFromEnvironment(), paths);
  }
});

test("says how much there is, what has no spectrum, and which steps are equal; names are letters", async (t) => {
  const folder = temporaryFolder(t);
  const matrix = (fill: (i: number) => number): NdArray => ({
    dtype: "F32",
    shape: [3, 4],
    data: Float32Array.from({ length: 12 }, (_, i) => fill(i)),
  });
  for (const step of [1, 2]) {
    const ids = { dtype: "I64", shape: [2, 2], data: new BigInt64Array(4) } as const;
    const arrays = { "<b>same</b>": matrix((i) => i), other: matrix((i) => i % (step + 3)), ids };
    writeSafetensors(join(folder, `step${step}.safetensors`), new Map(Object.entries(arrays)));
  }
  const shown = await inNotebook(async () => {
    const { equal, agreement } = await showSpectra([folder]);
    assert.equal(equal.length, 1);
    assert.equal(agreement.numRows(), 4);
  });
  const { data } = shown[shown.length - 1];
  assert.match(data["text/plain"], /^\*\*2 matrices at 2 steps\*\*; tensors without a spectrum: 1\./);
  assert.match(data["text/plain"], /steps 1 and 2: equal in 1 of 2 matrices: <b>same<\/b>/);
  assert.ok(!data["text/markdown"].includes("<b>"));
  const lines = await printed(() => showSpectra(join(folder, "step1.safetensors")));
  assert.match(lines.join("\n"), /^\*\*2 matrices\*\*; tensors/);
});
