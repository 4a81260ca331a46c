import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { findRuns } from "spectral-lab/store/find-runs";
import { releaseWeights } from "spectral-lab/store/release";
import { openRun, type Run } from "spectral-lab/store/run";
import { readRun, type RunReader, verifyRun } from "spectral-lab/store/stored-run";
import { crashingAfter } from "./file-calls.js";
import { temporaryFolder } from "./temporary-folder.js";
import { toy } from "./toy-run.js";

const arrays = (name: string, value: number): NamedArrays =>
  new Map([[name, float32([2], Float32Array.of(value, 1))]]);

/** All that a reader sees of a run. */
function seen(run: RunReader): unknown {
  return {
    rows: run.rows(),
    steps: run.steps().map((step) => [step, run.readArrays(step)]),
    weights: run.weightSteps().map((step) => [step, run.readWeights(step)]),
  };
}

function measure(run: Run): void {
  for (const step of [0, 4]) {
    run.writeArrays(step, arrays("a", step));
    run.writeWeights(step, arrays("w", step));
    run.appendRows([{ step, probe: "spectra", value: step / 3 }]);
  }
}

/** Adds what a finished run did not measure, as `fillFromWeights` does. */
function fill(run: Run): void {
  for (const step of [0, 4]) {
    run.writeArrays(step, arrays("b", 10 + step));
    run.appendRows([{ step, probe: "alignment", value: step / 7 }]);
  }
  run.writeArrays(0, arrays("c", 3));
  run.writeArrays(8, arrays("b", 8));
  run.update({ coverage: { ...run.record.coverage, probes: {} } });
}

const quiet = { onWarning: () => undefined };

function finished(root: string): string {
  const run = openRun(root, toy, quiet);
  measure(run);
  run.update({ status: "finished", step: 4 });
  run.close();
  return run.folder;
}

/** Opens the toy run, does something that is cut off by a crash, and leaves it as the next process finds it. */
function crash(t: TestContext, root: string, count: number, action: (run: Run) => void): boolean {
  const run = openRun(root, toy, quiet);
  const crashed = crashingAfter(t, count, () => action(run));
  run.close();
  return crashed;
}

describe("a crash between any two changes of files", () => {
  it("leaves a run that finishes either unfinished or whole", (t) => {
    let finishedOnes = 0;
    let crashes = 0;
    for (let count = 0; ; count++) {
      const root = temporaryFolder(t);
      const crashed = crash(t, root, count, (run) => {
        measure(run);
        run.writeCheckpoint(4, arrays("c", 1), { optimiserCount: "1" });
        run.update({ status: "finished", step: 4 });
        run.pruneCheckpoints(0);
      });
      const [run] = findRuns(root);
      verifyRun(run, true);
      if (run.record.status === "finished") finishedOnes++;
      if (run.record.status === "finished") assert.equal(run.rows().length, 2);
      if (!crashed) break;
      crashes++;
    }
    t.diagnostic(`${crashes} crashes`);
    assert.ok(crashes > 12 && finishedOnes > 1, `${crashes} crashes, ${finishedOnes} finished`);
  });

  it("while a finished run lets go of weights leaves it whole with or without them; asked again they are gone", (t) => {
    let crashes = 0;
    let later = 0;
    for (let count = 0; ; count++) {
      const root = temporaryFolder(t);
      const folder = finished(root);
      const before = readRun(folder);
      const crashed = crashingAfter(t, count, () => releaseWeights(folder, [0]));
      fs.rmSync(join(folder, "lock"), { force: true }); // as a process finds it whose holder is dead
      const run = readRun(folder);
      verifyRun(run, true);
      assert.equal(run.record.status, "finished");
      assert.deepEqual(run.rows(), before.rows());
      assert.deepEqual(run.weightSteps(), run.record.released ? [4] : [0, 4], `crash ${count}`);
      if (run.record.released && fs.existsSync(join(folder, "weights", "0.safetensors"))) later++;
      releaseWeights(folder, [0]);
      assert.deepEqual(readRun(folder).weightSteps(), [4]);
      assert.deepEqual(fs.readdirSync(join(folder, "weights")), ["4.safetensors"]);
      if (!crashed) break;
      crashes++;
    }
    t.diagnostic(`${crashes} crashes`);
    assert.ok(crashes >= 4 && later >= 1, `${crashes} crashes, ${later} after the record`);
  });

  it("while a finished run is filled leaves what was there, or all of both; filled again it is the same", (t) => {
    const whole = temporaryFolder(t);
    const before = seen(readRun(finished(whole)));
    crash(t, whole, Infinity, fill);
    const after = seen(findRuns(whole)[0]);
    assert.notDeepEqual(after, before);
    let crashes = 0;
    for (let count = 0; ; count++) {
      const root = temporaryFolder(t);
      const folder = finished(root);
      const crashed = crash(t, root, count, fill);
      const run = readRun(folder);
      verifyRun(run, true);
      const isFilled = Object.keys(run.record.coverage.probes).length === 0;
      assert.deepEqual(seen(run), isFilled ? after : before, `crash ${count}`);
      if (!isFilled) {
        const again = openRun(root, toy, quiet);
        fill(again);
        again.close();
        assert.deepEqual(seen(readRun(folder)), after, `after crash ${count}`);
      }
      if (!crashed) break;
      crashes++;
    }
    t.diagnostic(`${crashes} crashes`);
    assert.ok(crashes >= 10, String(crashes));
  });

  it("while rows are added to a finished run drops them when it is opened, and says so", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root);
    const rows = join(folder, "rows.jsonl");
    const { size } = fs.statSync(rows);
    fs.appendFileSync(rows, '{"step":8,"value":1}\n{"st');
    assert.equal(readRun(folder).rows().length, 2, "what is not stated is not read");
    const said: string[] = [];
    openRun(root, toy, { onWarning: (line) => said.push(line) }).close();
    assert.match(said.join(), /rows\.jsonl: dropped 25 bytes of an addition that was not completed/);
    assert.equal(fs.statSync(rows).size, size);
  });
});
