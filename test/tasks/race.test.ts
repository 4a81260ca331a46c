import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { identityOf, runFolder } from "spectral-lab/store/record";
import { readRun, verifyRun, type RunReader } from "spectral-lab/store/stored-run";
import { modularAddition } from "spectral-lab/tasks/index";
import { prepareRun, runPrepared, runTask, type RunRequest } from "spectral-lab/tasks/run";
import { spectral } from "../cli/spectral.js";
import { beforeCalls } from "../store/file-calls.js";
import { temporaryFolder } from "../store/temporary-folder.js";

const set = { modulus: 7, width: 8, hidden: 16, epochs: 20, measureEvery: 5, pruneEvery: 10, weightDecay: 1 };

async function finish(training: ReturnType<typeof runTask>): Promise<RunReader> {
  let next = await training.next();
  while (!next.done) next = await training.next();
  return next.value.run;
}

/** Trains the same run in another process, from beginning to end. */
function trainElsewhere(runs: string, ...more: string[]): void {
  const fields = Object.entries(set).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const options = ["--backend", "wasm", "--runs", runs, "--json", ...more];
  const ended = spectral(["train", "modular-addition", ...fields, ...options]);
  assert.equal(ended.status, 0, ended.stderr);
}

/**
 * Asks for a run; this process stands still between its look at what is stored and its taking of the lock, until `meanwhile`
 * is done.
 */
async function standingStill(t: TestContext, request: RunRequest, meanwhile: () => void): Promise<RunReader> {
  const prepared = await prepareRun(request);
  const lock = join(runFolder(request.runs!, identityOf(prepared.description)), "lock");
  let stood = false;
  const restore = beforeCalls(t, ["linkSync"], (_, [, path]) => {
    if (stood || path !== lock) return;
    stood = true;
    meanwhile();
  });
  try {
    return await finish(runPrepared(prepared));
  } finally {
    restore();
    assert.ok(stood, "it came to the lock");
  }
}

const requestFor = (runs: string): RunRequest => ({ task: modularAddition, set, backend: "wasm", runs });

/** The bytes of everything that a run holds but locks. */
function bytesOf(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^[^.]+\.\w+$/.test(name),
  );
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name), "base64")]));
}

test("a run that another process finishes between the look and the lock is taken as it is", async (t) => {
  const runs = temporaryFolder(t);
  let bytes: Map<string, string> | undefined;
  const run = await standingStill(t, requestFor(runs), () => {
    trainElsewhere(runs);
    const [id] = readdirSync(join(runs, "modular-addition"));
    bytes = bytesOf(join(runs, "modular-addition", id));
  });
  assert.equal(run.record.status, "finished");
  assert.deepEqual(bytesOf(run.folder), bytes, "not a byte has changed");
});

test("of two processes that train a finished run again one does, and the other takes what it made", async (t) => {
  const runs = temporaryFolder(t);
  const old = await finish(runTask(requestFor(runs)));
  let made = "";
  const run = await standingStill(t, { ...requestFor(runs), retrain: true }, () => {
    trainElsewhere(runs, "--retrain");
    made = readRun(old.folder).record.created;
  });
  assert.ok(made > old.record.created);
  assert.equal(run.record.created, made);
  const aside = join(runs, "modular-addition", ".replaced");
  assert.equal(readdirSync(aside).length, 1);
  verifyRun(readRun(old.folder), true);
});

test("measurements are added to the run that is there under the lock, and to no other", async (t) => {
  const runs = temporaryFolder(t);
  const old = await finish(runTask({ ...requestFor(runs), keep: ["5it"], probes: ["metrics"] }));
  const fewer = { ...set, measureEvery: 20, pruneEvery: 20 };
  const run = await standingStill(t, { ...requestFor(runs), set: fewer }, () =>
    trainElsewhere(runs, "--retrain"),
  );
  assert.ok(run.record.created > old.record.created);
  assert.equal(run.record.fillings, undefined, "the new one lacks nothing");
  verifyRun(run, true);
});

test("a finished run that was measured further says on what", async (t) => {
  const runs = temporaryFolder(t);
  await finish(runTask({ ...requestFor(runs), probes: ["metrics"] }));
  const asked = {
    ...requestFor(runs),
    set: { ...set, measureEvery: 20, pruneEvery: 20 },
    probes: ["spectra"],
  };
  const run = await finish(runTask(asked));
  const [{ probes, svd, backend, code, at }, ...more] = run.record.fillings!;
  assert.deepEqual([probes, backend, more.length], [["spectra"], "wasm", 0]);
  assert.match(svd, /^(LAPACK|WebAssembly)/);
  assert.ok(code.version && Date.parse(at) > 0);
  verifyRun(readRun(run.folder), true);
  assert.ok(!existsSync(join(run.folder, "lock")));
});
