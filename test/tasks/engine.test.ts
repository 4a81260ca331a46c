import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test } from "node:test";
import { agreement } from "spectral-lab/analysis/agreement";
import { runStudy } from "spectral-lab/analysis/study";
import type { EngineName } from "spectral-lab/linalg/engine-choice";
import type { Stretch } from "spectral-lab/store/record";
import { runAtStep } from "spectral-lab/store/run-at-step";
import { readRun, type RunReader } from "spectral-lab/store/stored-run";
import { modularAddition } from "spectral-lab/tasks/index";
import { runTask, type RunRequest } from "spectral-lab/tasks/run";
import { temporaryFolder } from "../store/temporary-folder.js";

const set = { modulus: 7, width: 8, hidden: 16, epochs: 20, measureEvery: 5, pruneEvery: 10 };
const usual = process.env.SPECTRAL_LAPACK;

afterEach(() => {
  if (usual === undefined) delete process.env.SPECTRAL_LAPACK;
  else process.env.SPECTRAL_LAPACK = usual;
});

const request = (runs: string, changes: Partial<RunRequest> = {}): RunRequest => ({
  task: modularAddition,
  set,
  backend: "wasm",
  runs,
  ...changes,
});

async function trained(asked: RunRequest, stopAt = Infinity): Promise<RunReader> {
  const stop = new AbortController();
  const training = runTask({ ...asked, signal: stop.signal });
  let next = await training.next();
  for (let seen = 1; !next.done; seen++) {
    if (seen >= stopAt) stop.abort();
    next = await training.next();
  }
  return next.value.run;
}

/** An interrupted run whose record says that LAPACK decomposed its matrices, on a machine where there is none. */
async function begunOnLapack(runs: string): Promise<RunReader> {
  const run = await trained(request(runs, { svd: "wasm" }), 1);
  const path = join(run.folder, "run.json");
  const record = JSON.parse(readFileSync(path, "utf8")) as { stretches: Stretch[] };
  const stretches = record.stretches.map((stretch) => ({ ...stretch, svd: "LAPACK (OpenBLAS 9), 1 thread" }));
  writeFileSync(path, JSON.stringify({ ...record, stretches }));
  process.env.SPECTRAL_LAPACK = "none";
  return run;
}

const engines = ({ record }: RunReader): unknown[] => record.stretches.map(({ svd }) => svd?.split(" ")[0]);

test("a run begun on WebAssembly stays on it, also where a library was installed since", async (t) => {
  const runs = temporaryFolder(t);
  process.env.SPECTRAL_LAPACK = "none";
  await trained(request(runs), 1);
  if (usual === undefined) delete process.env.SPECTRAL_LAPACK;
  const run = await trained(request(runs));
  assert.deepEqual([run.record.status, engines(run)], ["finished", ["WebAssembly", "WebAssembly"]]);
});

test("a run whose engine is gone is not gone on with, unless the other engine is asked for", async (t) => {
  const runs = temporaryFolder(t);
  const before = await begunOnLapack(runs);
  const record = readFileSync(join(before.folder, "run.json"));
  await assert.rejects(trained(request(runs)), {
    name: "ConfigError",
    message: /its matrices were decomposed by LAPACK \(OpenBLAS 9\), 1 thread, which cannot .*--svd wasm$/,
  });
  assert.deepEqual(readFileSync(join(before.folder, "run.json")), record, "a refusal changes nothing");
  const run = await trained(request(runs, { svd: "wasm" }));
  assert.deepEqual([run.record.status, engines(run)], ["finished", ["LAPACK", "WebAssembly"]]);
});

test("a new run on an engine that is not there is refused before anything is written", async (t) => {
  process.env.SPECTRAL_LAPACK = "none";
  const runs = join(temporaryFolder(t), "runs");
  await assert.rejects(trained(request(runs, { svd: "lapack" })), {
    name: "ConfigError",
    message: /expected the SVD engine lapack, which cannot be used here/,
  });
  assert.throws(() => readRun(runs));
});

test("what is measured later is measured on the run's engine", async (t) => {
  const runs = temporaryFolder(t);
  await trained(request(runs, { svd: "wasm", probes: ["metrics"] }));
  const asked = request(runs, { set: { ...set, measureEvery: 20, pruneEvery: 20 } });
  const { record } = await trained(asked);
  assert.deepEqual(
    record.fillings?.map(({ svd }) => svd.split(" ")[0]),
    ["WebAssembly"],
  );
});

test("a study says what decomposed its matrices, and stays on it", async (t) => {
  const [runs, studies] = [temporaryFolder(t), temporaryFolder(t)];
  const run = await trained(request(runs, { svd: "wasm" }));
  const inputs = [0, 20].map((step) => runAtStep(`${run.folder}@${step}`));
  const computed = async (svd?: EngineName, parts = Infinity): Promise<readonly string[] | undefined> => {
    const stop = new AbortController();
    const computing = runStudy({ kind: agreement, inputs }, { studies, svd, signal: stop.signal });
    let next = await computing.next();
    for (; !next.done; next = await computing.next()) if (next.value.done >= parts) stop.abort();
    return next.value.record.svd?.map((words) => words.split(" ")[0]);
  };
  assert.deepEqual(await computed("wasm", 1), ["WebAssembly"]);
  assert.deepEqual(await computed(), ["WebAssembly"]);
});
