import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { acquireLock } from "spectral-lab/core/files/lock";
import { openRun } from "spectral-lab/store/run";
import { temporaryFolder } from "../store/temporary-folder.js";
import { toy } from "../store/toy-run.js";
import { spectral } from "./spectral.js";

function finished(root: string): string {
  const run = openRun(root, toy);
  run.appendRows([{ step: 0, value: 1 }]);
  run.writeWeights(0, new Map([["s", { dtype: "F32", shape: [1], data: Float32Array.of(1) }]]));
  run.update({ status: "finished", step: 0 });
  run.close();
  return run.folder;
}

test("runs check reads every byte and names what is damaged; runs set-aside renames the folder, and loses nothing", (t) => {
  const root = temporaryFolder(t);
  const folder = finished(root);
  const whole = spectral(["runs", "check", folder]);
  assert.deepEqual(
    [whole.status, whole.stdout],
    [0, `${folder}: finished and whole: 1 rows, 1 files of arrays\n`],
  );

  truncateSync(join(folder, "weights/0.safetensors"), 10);
  const damaged = spectral(["runs", "check", folder]);
  assert.equal(damaged.status, 1);
  assert.match(
    damaged.stdout,
    /weights\/0\.safetensors: expected \d+ bytes, as .* found 10 bytes.*set-aside/,
  );

  const lock = acquireLock(join(folder, "lock"), "the run");
  const held = spectral(["runs", "set-aside", folder]);
  assert.deepEqual([held.status, held.stdout], [1, ""]);
  assert.match(held.stderr, /in use by process/);
  lock.release();

  const rows = readFileSync(join(folder, "rows.jsonl"));
  truncateSync(join(folder, "run.json"), 10);
  for (const n of [1, 2]) {
    const aside = spectral(["runs", "set-aside", folder]);
    assert.deepEqual([aside.status, aside.stdout], [0, `${folder}: set aside as ${folder}.damaged-${n}\n`]);
    assert.ok(!existsSync(folder));
    assert.deepEqual(readFileSync(join(`${folder}.damaged-${n}`, "rows.jsonl")), rows);
    assert.ok(!existsSync(join(`${folder}.damaged-${n}`, "lock")));
    finished(root);
  }
});

test("runs refuses a folder that is none of ours, and says how it is used", (t) => {
  const other = join(temporaryFolder(t), "photos");
  mkdirSync(other);
  const refused = spectral(["runs", "set-aside", other]);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /photos: expected the folder of a run or a study, found none/);
  assert.ok(existsSync(other));
  assert.equal(spectral(["runs", "delete", other]).status, 2);
  assert.equal(spectral(["runs", "check"]).status, 2);
});
