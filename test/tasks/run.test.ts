import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { faceted, metricsTable, spectrumTable } from "spectral-lab/analysis/tables";
import { ConfigError, StoreError } from "spectral-lab/core/errors";
import { exportRun, readResult } from "spectral-lab/store/results";
import { runFolder } from "spectral-lab/store/record";
import type { RunReader } from "spectral-lab/store/stored-run";
import { modularAddition, mnistMlp, TASKS, taskNamed } from "spectral-lab/tasks/index";
import { finishedRun, identityOf, runTask, type RunRequest, withData } from "spectral-lab/tasks/run";
import { configOf, PROFILES } from "spectral-lab/tasks/task";
import type { Outcome } from "spectral-lab/train/loop";

const root = mkdtempSync(join(tmpdir(), "spectral-tasks-"));
after(() => rmSync(root, { recursive: true, force: true }));

const tiny = {
  modulus: 7,
  width: 8,
  hidden: 16,
  epochs: 20,
  measureEvery: 5,
  pruneEvery: 10,
  weightDecay: 1,
};
const request = (changes: Partial<RunRequest> = {}): RunRequest => ({
  task: modularAddition,
  set: tiny,
  backend: "wasm",
  runs: join(root, "runs"),
  ...changes,
});

async function finish(asked: RunRequest): Promise<{ run: RunReader; outcome: Outcome }> {
  const training = runTask(asked);
  let next = await training.next();
  while (!next.done) next = await training.next();
  return next.value;
}

test("every profile and setting of every task is a valid configuration", () => {
  for (const task of TASKS) {
    for (const profile of PROFILES) {
      const { settings, summary } = task.profiles[profile];
      assert.ok(summary.length > 10);
      for (const setting of [undefined, ...Object.keys(settings)]) configOf(task, { profile, setting });
    }
    assert.equal(taskNamed(task.name), task);
  }
  assert.equal(new Set(TASKS.map(({ name }) => name)).size, TASKS.length);
});

test("the paper profile of the default setting is the task's defaults", () => {
  assert.deepEqual(
    configOf(modularAddition, { profile: "paper", setting: "decay" }),
    modularAddition.defaults,
  );
});

test("unknown tasks, profiles, settings and fields are ConfigErrors", () => {
  assert.throws(() => taskNamed("grok"), ConfigError);
  assert.throws(() => configOf(modularAddition, { profile: "huge" as never }), ConfigError);
  assert.throws(() => configOf(modularAddition, { setting: "deacy" }), /did you mean "decay"/);
  assert.throws(
    () => configOf(modularAddition, { set: { heads: 0 } }),
    /"heads": expected a whole number >= 1, found 0/,
  );
});

test("a run is identified by what differs from the paper, not by the name of its profile", () => {
  const byProfile = identityOf({ task: modularAddition, profile: "lab", setting: "no-decay" });
  const byFields = identityOf({
    task: modularAddition,
    profile: "paper",
    set: {
      weightDecay: 0,
      epochs: byProfile.config.epochs,
      epochsAfterGrokking: byProfile.config.epochsAfterGrokking,
    },
  });
  assert.deepEqual(byFields.config, byProfile.config);
});

test("a task trains, records what it ran on, is found again, and is exported and read as the same run", async () => {
  assert.equal(finishedRun(request()), undefined);
  const { run, outcome } = await finish(request());
  assert.deepEqual(outcome, { status: "finished", step: 20, epoch: 20 });
  const record = finishedRun(request())!.record;
  assert.equal(record.backend, "wasm");
  assert.ok(record.versions.tfjs && record.versions["spectral-lab"]);
  assert.equal(record.data?.standIn, false);
  assert.ok(record.timings.training > 0);
  const again = await finish(request());
  assert.equal(again.run.record.created, record.created);

  const folder = exportRun(run, join(root, "results"), {
    arrays: (name) => name.startsWith("singular-values/"),
  });
  const [trained, result] = [[faceted(run)], [faceted(readResult(folder))]];
  assert.equal(metricsTable(trained).numRows(), 5 * 4 + 4 + 3 * 8); // evaluations, batch means, prunings
  assert.deepEqual(metricsTable(result).objects(), metricsTable(trained).objects());
  assert.deepEqual(spectrumTable(result).objects(), spectrumTable(trained).objects());
});

test("another seed is another run", async () => {
  const { run } = await finish(request({ seed: 1 }));
  assert.notEqual(run.record.id, finishedRun(request())!.record.id);
});

/** Trains a run's first steps and aborts it. */
async function stopEarly(asked: RunRequest, reports: number): Promise<{ run: RunReader; outcome: Outcome }> {
  const stop = new AbortController();
  const training = runTask({ ...asked, signal: stop.signal });
  let next = await training.next();
  for (let seen = 1; !next.done; seen++) {
    if (seen === reports) stop.abort();
    next = await training.next();
  }
  return next.value;
}

test("an aborted run says interrupted, and goes on", async () => {
  const { run, outcome } = await stopEarly(request({ seed: 2 }), 1);
  assert.equal(outcome.status, "interrupted");
  assert.equal(run.record.status, "interrupted");
  const finished = await finish(request({ seed: 2 }));
  assert.equal(finished.outcome.status, "finished");
  assert.equal(finished.run.record.earlier, undefined);
  const { peakMemory } = finished.run.record;
  assert.ok(peakMemory! > 2e7 && peakMemory! <= process.resourceUsage().maxRSS * 1024);
});

test("a run that goes on elsewhere says where it was before, until which step", async () => {
  const { outcome } = await stopEarly(request({ seed: 4, backend: "js" }), 1);
  const { run } = await finish(request({ seed: 4 }));
  assert.equal(run.record.backend, "wasm");
  assert.deepEqual(run.record.earlier, [{ backend: "js", device: "CPU", until: outcome.step }]);
});

test("an experiment that cannot be built leaves no run behind", async () => {
  const task = { ...modularAddition, build: () => Promise.reject(new ConfigError("such a network")) };
  await assert.rejects(finish(request({ task, seed: 5 })), { name: "ConfigError" });
  assert.ok(!existsSync(runFolder(join(root, "runs"), identityOf(request({ seed: 5 })))));
});

test("without real data a run is another one, marked as trained on a stand-in", async () => {
  const data = { root: join(root, "no data"), allowDownload: false };
  const asked = await withData(
    request({ task: mnistMlp, set: { epochs: 1, hidden: 8, trainingExamples: 64 }, data }),
  );
  assert.equal(asked.set?.standIn, true);
  const { run } = await finish(asked);
  assert.equal(run.record.data?.standIn, true);
  assert.match(run.record.data!.name, /stand-in for MNIST/);
  assert.equal(run.record.config.standIn, true);
});

test("a run does not go on with other data", async () => {
  const stopped = await stopEarly(request({ seed: 3 }), 1);
  const path = join(stopped.run.folder, "run.json");
  writeFileSync(path, readFileSync(path, "utf8").replace("a + b mod 7", "a + b mod 11"));
  await assert.rejects(
    finish(request({ seed: 3 })),
    (error) => error instanceof StoreError && /a \+ b mod 11/.test(error.message),
  );
});
