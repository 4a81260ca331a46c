import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { identityOf } from "spectral-lab/store/record";
import { openRun, runFolder } from "spectral-lab/store/run";
import { readRun } from "spectral-lab/store/stored-run";
import { readRows } from "spectral-lab/store/rows";
import { readSafetensors } from "spectral-lab/store/safetensors";
import { ended, firstOutput, start } from "./child.js";
import { temporaryFolder } from "./temporary-folder.js";
import { toy, train } from "./toy-run.js";

/** Every measured file of a run under its name; timestamps are in run.json, which is left out. */
function measuredFiles(folder: string): Map<string, string> {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => /^(rows\.jsonl|steps.+|weights.+|checkpoints.+)$/.test(name)).sort();
  return new Map(files.map((name) => [name, fs.readFileSync(join(folder, name)).toString("base64")]));
}

/** Reads every file of a run folder that is not a temporary one; throws where one is not whole. */
function checkWhole(folder: string): void {
  if (fs.existsSync(join(folder, "run.json"))) {
    const { status, step } = readRun(folder).record;
    // The kill may fall between the end of the run and that of its process.
    assert.equal(status, step === toy.config.steps ? "finished" : "interrupted");
  }
  readRows(join(folder, "rows.jsonl"));
  for (const name of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".safetensors")) readSafetensors(join(folder, name));
  }
}

describe("a run killed at any instant", () => {
  it("keeps whole files only, and ends with the bytes of the uninterrupted run", async (t) => {
    const [undisturbed, killed] = [temporaryFolder(t), temporaryFolder(t)];
    train(undisturbed);
    const expected = measuredFiles(runFolder(undisturbed, identityOf(toy)));
    assert.equal(expected.size, 1 + 31 + 7);

    const folder = runFolder(killed, identityOf(toy));
    let kills = 0;
    for (let life = 0; life < 60; life++) {
      const child = start("toy-run", killed, "2");
      await firstOutput(child);
      if (kills < 12) await setTimeout(60 * Math.random());
      if (kills < 12) child.kill("SIGKILL");
      if ((await ended(child)) === 0) break;
      kills++;
      if (fs.existsSync(folder)) checkWhole(folder);
    }
    t.diagnostic(`${kills} kills`);
    assert.ok(kills >= 3, `only ${kills} kills`);
    assert.equal(readRun(folder).record.status, "finished");
    assert.deepEqual(measuredFiles(folder), expected);
    assert.deepEqual(fs.readdirSync(folder).sort(), [
      "checkpoints",
      "rows.jsonl",
      "run.json",
      "steps",
      "weights",
    ]);
  });
});

describe("resumeFrom", () => {
  const arrays = new Map([["w", { dtype: "F32", shape: [1], data: Float32Array.of(1) } as const]]);

  /** A run with rows, arrays, weights and memory at steps 0..5 and checkpoints at 2 and 4, closed. */
  function makeRun(root: string): string {
    const run = openRun(root, toy);
    for (let step = 0; step <= 5; step++) {
      run.writeArrays(step, arrays);
      run.writeMemory(step, arrays, { count: String(step) });
      run.writeWeights(step, arrays);
      run.appendRows([{ step, value: step }]);
      if (step === 2 || step === 4) run.writeCheckpoint(step, arrays, { at: String(step) });
    }
    run.close();
    return run.folder;
  }

  it("drops what lies after the newest checkpoint", (t) => {
    const root = temporaryFolder(t);
    const folder = makeRun(root);
    const run = openRun(root, toy);
    run.update({ status: "failed", failure: "loss became NaN" });
    assert.deepEqual(run.resumeFrom(), {
      path: join(folder, "checkpoints", "4.safetensors"),
      step: 4,
      arrays,
      metadata: { at: "4" },
    });
    assert.deepEqual(
      run.rows().map(({ step }) => step),
      [0, 1, 2, 3, 4],
    );
    assert.deepEqual(run.steps(), [0, 1, 2, 3, 4]);
    assert.deepEqual(run.weightSteps(), [0, 1, 2, 3, 4]);
    assert.deepEqual(run.memorySteps(), [0, 1, 2, 3, 4]);
    assert.deepEqual([run.record.status, run.record.failure], ["running", undefined]);
    run.close();
  });

  it("passes over a damaged checkpoint with a warning, and later replaces it", (t) => {
    const root = temporaryFolder(t);
    const folder = makeRun(root);
    fs.truncateSync(join(folder, "checkpoints", "4.safetensors"), 50);
    const warnings: string[] = [];
    const run = openRun(root, toy, { onWarning: (message) => warnings.push(message) });
    assert.equal(run.resumeFrom()?.step, 2);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /4\.safetensors: expected a safetensors file .*; resuming from step 2 instead/);
    assert.deepEqual(
      run.rows().map(({ step }) => step),
      [0, 1, 2],
    );
    run.writeCheckpoint(3, arrays);
    assert.deepEqual(fs.readdirSync(join(folder, "checkpoints")).sort(), ["2.safetensors", "3.safetensors"]);
    run.close();
  });

  it("passes over a checkpoint whose rows are gone", (t) => {
    const root = temporaryFolder(t);
    const folder = makeRun(root);
    const path = join(folder, "rows.jsonl");
    fs.truncateSync(path, fs.statSync(path).size - 45); // into the row of step 3
    const warnings: string[] = [];
    const run = openRun(root, toy, { onWarning: (message) => warnings.push(message) });
    assert.equal(run.resumeFrom()?.step, 2);
    assert.match(warnings[0], /rows\.jsonl: dropped a last row that was cut short \(\d+ bytes\)/);
    assert.match(
      warnings[1],
      /4\.safetensors: expected \d+ bytes of rows before it, found \d+; resuming from step 2/,
    );
    run.close();
  });

  it("refuses to start over when every checkpoint is damaged", (t) => {
    const root = temporaryFolder(t);
    const folder = makeRun(root);
    for (const step of [2, 4]) fs.writeFileSync(join(folder, "checkpoints", `${step}.safetensors`), "damage");
    const run = openRun(root, toy);
    const message = /checkpoints: expected a usable checkpoint, found none: .*4\.safetensors.*2\.safetensors/;
    assert.throws(() => run.resumeFrom(), { name: "DataError", message });
    assert.equal(run.rows().length, 6);
    run.close();
  });

  it("goes back to the start where there is no checkpoint", (t) => {
    const root = temporaryFolder(t);
    const folder = makeRun(root);
    fs.rmSync(join(folder, "checkpoints"), { recursive: true });
    const run = openRun(root, toy);
    assert.equal(run.resumeFrom(), undefined);
    assert.deepEqual([run.rows(), run.steps(), run.weightSteps(), run.memorySteps()], [[], [], [], []]);
    run.close();
  });

  it("loses nothing of a run whose record is damaged and that has no checkpoint: perhaps it was finished", (t) => {
    const root = temporaryFolder(t);
    const folder = makeRun(root);
    fs.rmSync(join(folder, "checkpoints"), { recursive: true });
    fs.truncateSync(join(folder, "run.json"), 20);
    const rows = fs.readFileSync(join(folder, "rows.jsonl"), "utf8");
    const run = openRun(root, toy, { setAsideDamaged: true, onWarning: () => undefined });
    assert.equal(run.resumeFrom(), undefined);
    assert.deepEqual([run.rows(), run.steps(), run.weightSteps(), run.memorySteps()], [[], [], [], []]);
    run.close();
    assert.equal(fs.readFileSync(join(folder, "rows.jsonl.damaged-1"), "utf8"), rows);
    for (const place of ["steps", "weights", "moments"])
      assert.equal(fs.readdirSync(join(folder, `${place}.damaged-1`)).length, 6, place);
  });

  it("refuses a finished run", (t) => {
    const root = temporaryFolder(t);
    makeRun(root);
    const run = openRun(root, toy);
    run.update({ status: "finished" });
    assert.throws(() => run.resumeFrom(), {
      name: "StoreError",
      message: /is finished: there is nothing to resume/,
    });
    assert.equal(run.rows().length, 6);
    run.close();
  });
});
