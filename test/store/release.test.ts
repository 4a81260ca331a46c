import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { releaseWeights, holdsAny } from "spectral-lab/store/release";
import { openRun } from "spectral-lab/store/run";
import { runAtStep } from "spectral-lab/store/run-at-step";
import { readRun, type RunReader, verifyRun } from "spectral-lab/store/stored-run";
import { temporaryFolder } from "./temporary-folder.js";
import { toy, train } from "./toy-run.js";

function trained(t: TestContext): { root: string; run: RunReader } {
  const root = temporaryFolder(t);
  train(root);
  const [folder] = readdirSync(join(root, "toy"));
  return { root, run: readRun(join(root, "toy", folder)) };
}

const files = (folder: string): string[] => readdirSync(join(folder, "weights")).sort();

test("a finished run lets go of some steps: it says so, states the other files, and is as finished as before", (t) => {
  const { root, run } = trained(t);
  assert.deepEqual(run.weightSteps(), [0, 20, 40, 60, 80, 100, 120]);
  assert.equal(releaseWeights(run.folder, [20, 40, 41]), true);
  const after = readRun(run.folder);
  verifyRun(after, true);
  assert.deepEqual(after.weightSteps(), [0, 60, 80, 100, 120]);
  assert.equal(files(run.folder).length, 5);
  assert.deepEqual(after.record.released, [20, 40]);
  assert.deepEqual(after.rows(), run.rows());
  const { files: stated, released, ...rest } = after.record;
  const { files: before, ...same } = run.record;
  assert.deepEqual(rest, same);
  assert.deepEqual([stated!.rows, released], [before!.rows, [20, 40]]);
  assert.throws(
    () => runAtStep(`${run.folder}@40`, [root]),
    /of step 40, found that a sweep let go of them .* spectral train toy .*--keep 40it --retrain$/,
  );
  assert.throws(
    () => runAtStep(`${run.folder}@41`, [root]),
    /of step 41, found those of step 0, 60, 80, 100, 120; train it again with: spectral train/,
  );
  assert.throws(() => run.readWeights(40), {
    name: "StoreError",
    message: /40\.safetensors: a sweep let go of these weights meanwhile$/,
  });
  releaseWeights(run.folder, [0]);
  assert.deepEqual(readRun(run.folder).record.released, [0, 20, 40]);
});

test("what was killed before the files went goes on: they are no part of the run, and go", (t) => {
  const { run } = trained(t);
  const spare = join(run.folder, "spare");
  mkdirSync(spare);
  for (const name of files(run.folder)) copyFileSync(join(run.folder, "weights", name), join(spare, name));
  releaseWeights(run.folder, [20]);
  assert.equal(holdsAny(readRun(run.folder), [20]), false);
  copyFileSync(join(spare, "20.safetensors"), join(run.folder, "weights", "20.safetensors"));
  const killed = readRun(run.folder);
  verifyRun(killed, true);
  assert.ok(!killed.weightSteps().includes(20));
  assert.equal(holdsAny(killed, [20]), true);
  assert.equal(releaseWeights(run.folder, [20]), true);
  assert.ok(!files(run.folder).includes("20.safetensors"));
  assert.equal(holdsAny(readRun(run.folder), [20]), false);
});

test("nothing is let go of that another process has, that is not finished, or that is not there", (t) => {
  const { root, run } = trained(t);
  const open = openRun(root, toy);
  assert.throws(() => releaseWeights(run.folder, [20]), { name: "StoreError", message: /lock|held|process/ });
  open.close();
  assert.equal(files(run.folder).length, 7);
  const other = temporaryFolder(t);
  const begun = openRun(other, toy);
  begun.writeWeights(0, run.readWeights(0));
  begun.update({ status: "interrupted" });
  begun.close();
  assert.equal(releaseWeights(begun.folder, [0]), false);
  assert.equal(files(begun.folder).length, 1);
  const nowhere = join(other, "nowhere");
  assert.equal(releaseWeights(nowhere, [0]), false);
  assert.ok(!existsSync(nowhere));
});
