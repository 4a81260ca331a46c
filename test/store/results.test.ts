import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { float32, type NdArray } from "spectral-lab/core/array";
import { findRuns } from "spectral-lab/store/find-runs";
import { exportRun } from "spectral-lab/store/results";
import { openRun } from "spectral-lab/store/run";
import { temporaryFolder } from "./temporary-folder.js";
import { inventedData } from "./description.js";
import { toy } from "./toy-run.js";

const spectrum = (step: number): NdArray => ({
  dtype: "F64",
  shape: [2],
  data: Float64Array.of(step + 0.1, step),
});

function makeRun(root: string): ReturnType<typeof openRun> {
  const run = openRun(root, toy);
  for (let step = 0; step <= 8; step += 2) {
    run.writeArrays(
      step,
      new Map([
        ["values/w", spectrum(step)],
        ["vectors/w", float32([4], new Float32Array(4))],
      ]),
    );
    run.appendRows([{ step, loss: step === 8 ? NaN : 1 / (1 + step) }]);
  }
  return run;
}

describe("exportRun", () => {
  it("keeps record, rows and chosen arrays, read back like any run", (t) => {
    const [runs, results] = [temporaryFolder(t), temporaryFolder(t)];
    const run = makeRun(runs);
    assert.throws(() => exportRun(run, results), {
      name: "StoreError",
      message: /expected a finished run, or one that diverged, found .* running/,
    });
    run.update({ status: "finished" });
    run.close();
    const folder = exportRun(run, results, { arrays: (name) => name.startsWith("values/"), maxSteps: 3 });
    assert.deepEqual(fs.readdirSync(folder).sort(), ["arrays.safetensors", "rows.jsonl", "run.json"]);
    assert.doesNotMatch(fs.readFileSync(join(folder, "run.json"), "utf8"), /someone/);
    const bytes = (of: string): Buffer => fs.readFileSync(join(of, "rows.jsonl"));
    assert.deepEqual(bytes(folder), bytes(run.folder));

    const [result] = findRuns(results);
    const { files, ...record } = result.record;
    assert.deepEqual(files?.rows, run.record.files?.rows);
    assert.deepEqual(Object.keys(files!.kept), ["arrays.safetensors"]);
    const { files: _, ...trained } = run.record;
    assert.deepEqual(record, {
      ...trained,
      data: inventedData,
      coverage: { ...run.record.coverage, weights: { at: [] } },
    });
    assert.deepEqual(result.rows(), run.rows());
    assert.deepEqual([result.steps(), result.weightSteps()], [[0, 4, 8], []]);
    assert.deepEqual(result.readArrays(4), new Map([["values/w", float32([2], Float32Array.of(4.1, 4))]]));
    assert.deepEqual(result.readArrays(4, ["values/w"]), result.readArrays(4));
    assert.throws(
      () => result.readArrays(2, ["values/w"]),
      /arrays\.safetensors: expected a tensor "2\/values\/w"/,
    );
    assert.throws(() => result.readArrays(2), {
      name: "DataError",
      message: /expected arrays of step 2, found none/,
    });
  });

  it("keeps no arrays unless they are chosen", (t) => {
    const [runs, results] = [temporaryFolder(t), temporaryFolder(t)];
    const run = makeRun(runs);
    run.update({ status: "finished" });
    run.close();
    exportRun(run, results);
    assert.deepEqual(findRuns(results)[0].steps(), []);
  });
});
