import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runAtStep } from "spectral-lab/store/run-at-step";
import { float32 } from "spectral-lab/core/array";
import { exportRun } from "spectral-lab/store/results";
import { openRun, type Run } from "spectral-lab/store/run";
import { describeRun } from "./description.js";
import { temporaryFolder } from "./temporary-folder.js";

/** A run with weights of some steps whose only number is the step. */
function stored(root: string, seed: number, { task = "toy", steps = [0, 10] } = {}): Run {
  const run = openRun(root, describeRun({ task, seed, config: { width: 3 } }));
  for (const step of steps) run.writeWeights(step, new Map([["w", float32([1], Float32Array.of(step))]]));
  run.update({ status: "finished", step: 10 });
  run.close();
  return run;
}

test("a run is meant by its id, the beginning of it, its task and id, or its folder", (t) => {
  const root = temporaryFolder(t);
  const run = stored(root, 0);
  const other = stored(root, 1);
  const { id } = run.record;
  const differs = [...id].findIndex((digit, i) => digit !== other.record.id[i]);
  for (const name of [id, id.slice(0, differs + 1), `toy/${id}`, run.folder]) {
    for (const [when, step] of [
      ["0", 0],
      ["10", 10],
      ["end", 10],
    ] as const) {
      const found = runAtStep(`${name}@${when}`, [root]);
      assert.deepEqual([found.run.folder, found.step], [run.folder, step], name);
      assert.deepEqual(Array.from(found.weights().get("w")!.data, Number), [step]);
    }
  }
});

test("text that is none, a run that is none and one of several are errors", (t) => {
  const root = temporaryFolder(t);
  const names = [0, 1].map((seed) => `toy/${stored(root, seed).record.id}`).sort();
  for (const text of ["abc", "@end", "abc@", "abc@last", "abc@-1"]) {
    const message = /expected RUN@STEP such as .*, found "/;
    assert.throws(() => runAtStep(text, [root]), { name: "ConfigError", message });
  }
  const none = new RegExp(`there is no run "toy/zz" in ${root} or /nowhere: expected an id or its beginning`);
  assert.throws(() => runAtStep("toy/zz@0", [root, "/nowhere"]), { name: "StoreError", message: none });
  assert.throws(
    () => runAtStep("toy/@0", [root]),
    ({ name, message }: Error) => name === "StoreError" && names.every((known) => message.includes(known)),
  );
});

test("weights that are not kept: the error names the run, the steps that are, and the command that keeps them", (t) => {
  const root = temporaryFolder(t);
  const run = stored(root, 0);
  const message = new RegExp(
    `run ${run.folder}: expected kept weights of step 5, found those of step 0, 10; ` +
      "train it again with: spectral train toy .*--seed 0 --keep 0it,5it,10it --retrain$",
  );
  assert.throws(() => runAtStep(`${run.record.id}@5`, [root]), { name: "StoreError", message });
  const beyond = /expected kept weights of step 11, found those of step 0, 10$/; // no command could keep them
  assert.throws(() => runAtStep(`${run.record.id}@11`, [root]), { name: "StoreError", message: beyond });
  const bare = stored(root, 1, { steps: [] });
  const nothing = /expected kept weights of step 10, found none at all \(committed results hold none\)/;
  assert.throws(() => runAtStep(`${bare.folder}@end`, [root]), { name: "StoreError", message: nothing });
});

test("an unfinished run has no end yet", (t) => {
  const root = temporaryFolder(t);
  const run = openRun(root, describeRun({ task: "toy", config: {} }));
  run.writeWeights(0, new Map());
  run.close();
  assert.equal(runAtStep(`${run.folder}@0`, [root]).step, 0);
  const message = /expected a finished run for "end", found one that is interrupted/;
  assert.throws(() => runAtStep(`${run.folder}@end`, [root]), { name: "StoreError", message });
});

test("of a run that is also a committed result, the one that has the weights is read", (t) => {
  const root = temporaryFolder(t);
  const [runs, results] = [join(root, "runs"), join(root, "results")];
  const run = stored(runs, 0);
  exportRun(run, results);
  for (const roots of [
    [runs, results],
    [results, runs],
  ])
    assert.equal(runAtStep(`${run.record.id}@end`, roots).run.folder, run.folder);
});
