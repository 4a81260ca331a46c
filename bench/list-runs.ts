/**
 * Times the listing of many finished runs, each with as many measured steps as VGG has in the paper's profile.
 *
 *     node build/bench/list-runs.js [COUNT]      default 2000
 *
 * Prints one JSON line: the runs, the measured steps of each, and CPU seconds of the first listing and of the median of five more.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRuns } from "spectral-lab/store/find-runs";
import { identityOf, runId, writeRecord } from "spectral-lab/store/record";
import { openRun } from "spectral-lab/store/run";
import { describeRequest } from "../test/store/description.js";
import { taskNamed } from "spectral-lab/tasks/index";

const STEPS = 170;
const count = Number(process.argv[2] ?? 2000);
const root = mkdtempSync(join(tmpdir(), "spectral-list-"));

try {
  const first = openRun(root, describeRequest({ task: taskNamed("vgg"), profile: "paper" }));
  for (let step = 0; step < STEPS; step++) {
    first.writeArrays(step, new Map([["s", { dtype: "F32", shape: [1], data: new Float32Array([step]) }]]));
    first.appendRows(
      Array.from({ length: 40 }, (_, i) => ({ step, epoch: step, probe: "spectra", depth: i })),
    );
  }
  first.update({ status: "finished", step: STEPS });
  first.close();
  for (let seed = 1; seed < count; seed++) {
    const record = { ...first.record, seed };
    const id = runId(identityOf(record));
    const folder = join(root, "vgg", id);
    mkdirSync(folder);
    cpSync(join(first.folder, "rows.jsonl"), join(folder, "rows.jsonl"));
    writeRecord(folder, { ...record, id });
  }
  const times = Array.from({ length: 6 }, () => {
    const start = process.cpuUsage();
    const found = findRuns(root).length;
    if (found !== count) throw new Error(`expected ${count} runs, found ${found}`);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e6;
  });
  const [firstTime, ...others] = times;
  const median = others.sort((a, b) => a - b)[2];
  console.log(JSON.stringify({ runs: count, steps: STEPS, first: firstTime, median }));
} finally {
  rmSync(root, { recursive: true, force: true });
}
