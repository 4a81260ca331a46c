import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { ConfigError, StoreError } from "spectral-lab/core/errors";
import { exportRun, readResult } from "spectral-lab/store/results";
import { identityOf, runFolder, runId } from "spectral-lab/store/record";
import { readRun, type RunReader } from "spectral-lab/store/stored-run";
import { modularAddition, mnistMlp, TASKS, taskNamed } from "spectral-lab/tasks/index";
import { finishedRun, prepareRun, runPrepared, runTask, type RunRequest } from "spectral-lab/tasks/run";
import { configOf, PROFILES, trainingFields } from "spectral-lab/tasks/task";
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
const quickFields = modularAddition.profiles.quick.config;
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

test("a run is named by what changes its weights, not by its profile or by what is measured", async () => {
  const idOf = async (changes: Partial<RunRequest>): Promise<string> =>
    runId(identityOf((await prepareRun(request(changes))).description));
  const id = await idOf({});
  assert.equal(await idOf({ profile: "paper", set: { ...quickFields, ...tiny } }), id);
  assert.equal(await idOf({ set: { ...tiny, measureEvery: 1, pruneEvery: 20 } }), id);
  assert.equal(await idOf({ keep: ["5it"], probes: ["metrics"], vectors: 3 }), id);
  assert.equal(await idOf({ order: 0 }), id);
  const others = [
    { order: 1 },
    { seed: 1 },
    { set: { ...tiny, modulus: 11 } },
    { set: { ...tiny, epochs: 21 } },
  ];
  const ids = await Promise.all(others.map(idOf));
  assert.equal(new Set([id, ...ids]).size, 1 + ids.length);
});

test("a task trains, records what it ran on, is found again, and is exported and read as the same run", async () => {
  assert.equal(finishedRun(await prepareRun(request())), undefined);
  const { run, outcome } = await finish(request());
  assert.deepEqual(outcome, { status: "finished", step: 20, epoch: 20 });
  const { record } = finishedRun(await prepareRun(request()))!;
  const [{ seconds, svd, versions, code, ...stretch }, ...more] = record.stretches;
  assert.deepEqual(more, []);
  assert.deepEqual(stretch, { from: 0, to: 20, backend: "wasm", device: "CPU" });
  assert.ok(seconds! > 0 && seconds === record.timings.training);
  assert.ok(versions.tfjs && versions.node && svd);
  assert.match(code.version, /^\d+\.\d+\.\d+$/);
  assert.equal(record.data.standIn, false);
  assert.deepEqual([record.data.training, record.data.validation], [24, 25]);
  assert.deepEqual(record.coverage.evaluated, { train: 24, validation: 25 });
  assert.deepEqual(record.coverage.probes.pruning, { every: "10ep" });
  assert.deepEqual(record.training, trainingFields(modularAddition, record.config));
  const again = await finish(request());
  assert.equal(again.run.record.created, record.created);

  const folder = exportRun(run, join(root, "results"), {
    arrays: (name) => name.startsWith("singular-values/"),
  });
  const result = readResult(folder);
  assert.deepEqual(result.rows(), run.rows());
  const names = [...result.readArrays(20).keys()];
  assert.deepEqual(result.readArrays(20), run.readArrays(20, names));
});

test("another seed and another order of the same seed are other runs", async () => {
  const batches = { ...tiny, batchSize: 4 };
  const runs = [
    (await finish(request({ set: batches, seed: 1 }))).run,
    (await finish(request({ set: batches, seed: 1, order: 7 }))).run,
    (await finish(request({ set: batches, seed: 7 }))).run,
  ];
  assert.equal(new Set(runs.map(({ record }) => record.id)).size, 3);
  assert.deepEqual(runs.map(({ record }) => record.order), [undefined, 7, undefined]); // prettier-ignore
  const first = (run: RunReader): unknown => run.readWeights(0).get("encoder.weight")!.data;
  assert.deepEqual(first(runs[1]), first(runs[0]), "one initialisation");
  const last = (run: RunReader): unknown => run.readWeights(120).get("encoder.weight")!.data;
  assert.notDeepEqual(last(runs[1]), last(runs[0]), "another order");
});

const lastRow = (run: RunReader, probe: string, step: number): unknown =>
  run.rows().find((row) => row.probe === probe && row.step === step);

test("a finished run is asked for what it did not measure: kept weights give it, the same as when measured at once", async () => {
  const fine = { ...tiny, measureEvery: 1 };
  const whole = await finish(request({ set: fine, runs: join(root, "whole") }));
  const runs = join(root, "filled");
  const { run: first } = await finish(request({ runs, keep: ["3it"], probes: ["metrics", "spectra"] }));
  const measured = new Map([0, 20].map((step) => [step, lastRow(first, "spectra", step)]));
  const asked = request({ runs, keep: ["3it"], set: { ...tiny, measureEvery: 20, pruneEvery: 20 } });
  const { run, outcome } = await finish(asked); // alignment and agreement at steps 0 and 20, whose weights are kept
  assert.equal(outcome.status, "finished");
  for (const step of [0, 20]) {
    // LAPACK's values alone differ in their last bits from those that come with vectors
    assert.deepEqual(lastRow(run, "spectra", step), measured.get(step));
    for (const probe of ["alignment", "agreement"]) {
      assert.deepEqual(lastRow(run, probe, step), lastRow(whole.run, probe, step), probe);
    }
  }
  const names = [...whole.run.readArrays(20).keys()];
  assert.deepEqual([...run.readArrays(20).keys()].sort(), names.sort());
  const vectors = names.filter((name) => !name.startsWith("singular-values/"));
  assert.ok(vectors.length > 0);
  assert.deepEqual(run.readArrays(20, vectors), whole.run.readArrays(20, vectors));
  const rows = run.rows().length;
  assert.equal((await finish(asked)).run.rows().length, rows, "it is there now");

  const { record } = run;
  await assert.rejects(finish(request({ runs, set: fine })), (error) => {
    assert.ok(error instanceof StoreError);
    assert.match(error.message, /this finished run lacks .*metrics at 1\d steps \(from step 1\)/);
    assert.match(error.message, /spectral train modular-addition .*--set measureEvery=1 .*--retrain/);
    assert.ok(error.message.includes(` --runs ${runs} `), "the command finds this run");
    return true;
  });
  assert.deepEqual(readRun(run.folder).record, record, "a refusal changes nothing");
  const anew = await finish(request({ runs, set: fine, retrain: true }));
  assert.equal(anew.run.record.id, record.id);
  assert.ok(anew.run.record.created > record.created);
  assert.deepEqual(anew.run.rows(), whole.run.rows());
});

const vectorsOf = (run: RunReader, step: number): unknown => {
  const names = modularVectors.flatMap((matrix) => [`left/${matrix}`, `right/${matrix}`]);
  return run.readArrays(step, names);
};
const modularVectors = ["encoder.weight", "decoder.weight"];

test("vectors are kept where spectra are measured; a finished run has them from kept weights, more of them too, or is refused", async () => {
  const set = { ...tiny, epochs: 10 };
  const whole = await finish(request({ set, vectors: 6, runs: join(root, "vectors") }));
  assert.equal(whole.run.record.coverage.vectors, 6);
  assert.deepEqual(whole.run.record.coverage.probes.vectors, whole.run.record.coverage.probes.spectra);
  const left = whole.run.readArrays(5, ["left/encoder.weight"]).get("left/encoder.weight")!;
  assert.deepEqual(left.shape, [8, 6]);

  const runs = join(root, "vectors filled");
  await finish(request({ set, runs, keep: ["5it"], vectors: 2 }));
  const { run } = await finish(request({ set, runs, keep: ["5it"], vectors: 6 }));
  assert.equal(run.record.coverage.vectors, 6);
  for (const step of [0, 5, 10]) assert.deepEqual(vectorsOf(run, step), vectorsOf(whole.run, step));
  const rows = run.rows().length;
  const fewer = await finish(request({ set, runs, vectors: 4 }));
  assert.equal(fewer.run.rows().length, rows, "fewer are there already");

  const plain = join(root, "no vectors");
  await finish(request({ set, runs: plain }));
  await assert.rejects(finish(request({ set, runs: plain, vectors: 6 })), (error: Error) => {
    assert.match(
      error.message,
      /this finished run lacks vectors at 1 steps \(from step 5\); .*--vectors 6 .*--retrain/,
    );
    return true;
  });
  await assert.rejects(finish(request({ vectors: 0 })), /vectors: expected a whole number >= 1, found 0/);
});

test("a run that was finished by another process meanwhile is taken, not trained again", async () => {
  const runs = join(root, "meanwhile");
  const prepared = await prepareRun(request({ runs }));
  const training = runPrepared(prepared);
  const { run } = await finish(request({ runs }));
  const next = await training.next();
  assert.ok(next.done);
  assert.equal(next.value.run.record.created, run.record.created);
});

test("a run that is abandoned leaves no tensors behind, is interrupted and goes on", async () => {
  await finish(request({ seed: 6 })); // what a backend keeps is made
  const before = tf.memory().numTensors;
  const asked = request({ seed: 8, set: { ...tiny, epochs: 2000 } });
  let folder = "";
  for await (const { step, description } of runTask(asked)) {
    folder = runFolder(join(root, "runs"), identityOf(description));
    if (step > 0) break;
  }
  assert.equal(tf.memory().numTensors, before);
  const { record } = readRun(folder);
  assert.equal(record.status, "interrupted");
  assert.ok(record.stretches[0].seconds! > 0);
  await stopEarly(asked, 1); // nothing holds it
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
  const { peakMemory, stretches } = finished.run.record;
  assert.deepEqual(stretches.map(({ from, to }) => [from, to]), [[0, outcome.step], [outcome.step, 20]]); // prettier-ignore
  assert.ok(peakMemory! > 2e7 && peakMemory! <= process.resourceUsage().maxRSS * 1024);
});

test("a run that goes on elsewhere says where it was before, until which step", async () => {
  const { outcome } = await stopEarly(request({ seed: 4, backend: "js" }), 1);
  const { run } = await finish(request({ seed: 4 }));
  assert.deepEqual(
    run.record.stretches.map(({ backend, to }) => [backend, to]),
    [
      ["js", outcome.step],
      ["wasm", 20],
    ],
  );
});

test("an experiment that cannot be built leaves no run behind", async () => {
  const build = (): never => {
    throw new ConfigError("such a network");
  };
  const runs = join(root, "none");
  await assert.rejects(finish(request({ task: { ...modularAddition, build }, runs })), {
    name: "ConfigError",
  });
  assert.ok(!existsSync(runs));
});

test("without real data a run is trained on a stand-in, which its name and its record say", async () => {
  const data = { root: join(root, "no data"), allowDownload: false };
  const set = { epochs: 1, hidden: 8, trainingExamples: 64 };
  const { run } = await finish(request({ task: mnistMlp, set, data }));
  assert.equal(run.record.data.standIn, true);
  assert.match(run.record.data.name, /stand-in for MNIST/);
  assert.equal(run.record.data.training, 64);
  const wanted = await finish(request({ task: mnistMlp, set: { ...set, standIn: true } }));
  assert.equal(wanted.run.record.id, run.record.id, "wanted or not, it is the same training");
});

test("other data are another run: an interrupted one is not continued on them", async () => {
  const set = { epochs: 1, hidden: 8, trainingExamples: 64 };
  const data = { root: join(root, "no data"), allowDownload: false };
  const prepared = await prepareRun(request({ task: mnistMlp, set, data }));
  const other = { ...prepared.description, data: { ...prepared.description.data, fingerprint: "another" } };
  assert.notEqual(runId(identityOf(other)), runId(identityOf(prepared.description)));
});
