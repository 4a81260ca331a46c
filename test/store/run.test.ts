import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { float32 } from "spectral-lab/core/array";
import { DataError } from "spectral-lab/core/errors";
import { findRuns } from "spectral-lab/store/find-runs";
import { moveAside } from "spectral-lab/store/folder";
import { identityOf, RUN } from "spectral-lab/store/record";
import { findRun, openRun, type RunDescription, runFolder, runId } from "spectral-lab/store/run";
import { readRun } from "spectral-lab/store/stored-run";
import { ended, firstOutput, start } from "./child.js";
import { describeRun, inventedData } from "./description.js";
import { temporaryFolder, tinyDisk } from "./temporary-folder.js";

const named = {
  task: "modular-addition",
  profile: "lab",
  seed: 1,
  config: { modulus: 113, decay: 1, measureEvery: 10 },
  defaults: { modulus: 113, decay: 0, measureEvery: 100 },
  measuring: ["measureEvery"],
};
const description = describeRun(named);
const arrays = new Map([
  ["s", float32([2], Float32Array.of(2, 1))],
  ["u", float32([1], Float32Array.of(1))],
]);

/** A finished run with two measured steps. */
function makeFinished(root: string, of: RunDescription = description): string {
  const run = openRun(root, of);
  for (const step of [0, 10]) {
    run.writeArrays(step, arrays);
    run.appendRows([{ step, value: step / 3 }]);
  }
  run.writeMemory(10, arrays, { optimiserCount: "3" });
  run.writeWeights(10, arrays);
  run.update({
    status: "finished",
    finished: new Date().toISOString(),
    step: 10,
    timings: { training: 1.5 },
  });
  run.close();
  return run.folder;
}

describe("runId", () => {
  const identity = identityOf(description);
  const id = runId(identity);
  const idOf = (changes: Partial<Parameters<typeof describeRun>[0]>): string =>
    runId(identityOf(describeRun({ ...named, ...changes })));

  it("depends on task, seed, order, origin, data and the training fields that were changed", () => {
    assert.match(id, /^[0-9a-f]{12}$/);
    const origin = { run: "0123456789ab", step: 10 };
    const others = [
      idOf({ task: "vgg" }),
      idOf({ seed: 2 }),
      idOf({ config: { ...named.config, decay: 0 } }),
      runId({ ...identity, data: "fedcba9876543210" }),
      runId({ ...identity, order: 1 }),
      runId({ ...identity, origin }),
      runId({ ...identity, origin: { ...origin, step: 20 } }),
      runId({ ...identity, origin: { ...origin, edit: "magnitude:0.05" } }),
    ];
    assert.equal(new Set([id, ...others]).size, 1 + others.length);
  });
  it("does not depend on what is measured, the profile's name, the order of fields, or a field added later", () => {
    assert.equal(idOf({ config: { ...named.config, measureEvery: 1 } }), id);
    const config = { warmup: 10, measureEvery: 10, decay: 1, modulus: 113 };
    assert.equal(idOf({ profile: "paper", config, defaults: { ...named.defaults, warmup: 10 } }), id);
  });
  it("is stable between versions", () => assert.equal(id, "5a6c87ac7a65"));
});

describe("a run", () => {
  it("is made, filled, finished and read again", (t) => {
    const root = temporaryFolder(t);
    assert.equal(findRun(root, description), undefined);
    const folder = makeFinished(root);
    assert.equal(folder, join(root, "modular-addition", runId(identityOf(description))));
    const run = findRun(root, description)!;
    assert.deepEqual(run.rows(), [
      { step: 0, value: 0 },
      { step: 10, value: 10 / 3 },
    ]);
    assert.deepEqual(run.steps(), [0, 10]);
    assert.deepEqual(run.readArrays(10), arrays);
    assert.deepEqual([...run.readArrays(10, ["u"]).keys()], ["u"]);
    assert.deepEqual([run.weightSteps(), run.readWeights(10)], [[10], arrays]);
    assert.deepEqual(run.memorySteps(), [10]);
    assert.deepEqual(run.readMemory(10), { arrays, metadata: { optimiserCount: "3" } });
    assert.equal(run.readMemory(0), undefined);
    assert.throws(() => run.readArrays(5), {
      name: "DataError",
      message: /steps\/5\.safetensors: it does not exist/,
    });
    const { created, finished, files, ...record } = run.record;
    assert.ok(created <= finished!);
    assert.deepEqual(
      [files?.rows.count, files?.rows.bytes],
      [2, fs.statSync(join(folder, "rows.jsonl")).size],
    );
    assert.deepEqual(Object.keys(files!.kept), [
      "steps/0.safetensors",
      "steps/10.safetensors",
      "weights/10.safetensors",
      "moments/10.safetensors",
    ]);
    assert.deepEqual(record, {
      format: 2,
      id: runId(identityOf(description)),
      task: "modular-addition",
      training: { decay: 1 },
      seed: 1,
      profile: "lab",
      config: named.config,
      data: inventedData,
      coverage: description.coverage,
      status: "finished",
      step: 10,
      stretches: [],
      timings: { training: 1.5 },
    });
  });

  it("is open once, and takes nothing once it is closed", (t) => {
    const root = temporaryFolder(t);
    const run = openRun(root, description);
    assert.throws(() => openRun(root, description), /is already open in this process/);
    run.close();
    assert.throws(() => run.appendRows([{ step: 1 }]), /was closed/);
    assert.throws(() => run.writeCheckpoint(1, arrays), /was closed/);
    openRun(root, description).close();
  });

  it("refuses a step that is no whole number, before anything is written", (t) => {
    const run = openRun(temporaryFolder(t), description);
    for (const step of [-1, 0.5, NaN]) assert.throws(() => run.writeArrays(step, arrays), RangeError);
    assert.deepEqual(run.steps(), []);
    run.close();
  });

  it("says which other process has it, and is interrupted once that was killed", async (t) => {
    const root = temporaryFolder(t);
    openRun(root, description).close();
    const folder = runFolder(root, identityOf(description));
    const child = start("../core/files/lock-holder", join(folder, "lock"));
    await firstOutput(child);
    const message = new RegExp(`run .*${runId(identityOf(description))} is in use by process ${child.pid}`);
    assert.throws(() => openRun(root, description), { name: "StoreError", message });
    assert.equal(readRun(folder).record.status, "running");
    child.kill("SIGKILL");
    await ended(child);
    assert.equal(readRun(folder).record.status, "interrupted");
    openRun(root, description).close();
  });

  it("takes nothing once another machine took its lock over, and leaves the lock to that one", (t) => {
    const root = temporaryFolder(t);
    const run = openRun(root, description);
    run.appendRows([{ step: 0 }]);
    const lock = join(run.folder, "lock");
    const far = JSON.stringify({ pid: 7, machine: "far", started: "", since: "2020-01-01", token: "t" });
    fs.writeFileSync(`${lock}.new`, far);
    fs.renameSync(`${lock}.new`, lock);
    const message = /run .* is no longer locked by this process: process 7 on far holds it since 2020-01-01/;
    for (const write of [
      () => run.appendRows([{ step: 1 }]),
      () => run.writeArrays(1, arrays),
      () => run.writeWeights(1, arrays),
      () => run.writeCheckpoint(1, arrays),
      () => run.update({ status: "finished" }),
      () => run.pruneCheckpoints(0),
      () => run.resumeFrom(),
    ]) {
      assert.throws(write, { name: "StoreError", message });
    }
    run.close();
    assert.equal(fs.readFileSync(lock, "utf8"), far);
    const found = readRun(run.folder);
    assert.deepEqual([found.record.status, found.rows(), found.steps()], ["running", [{ step: 0 }], []]);
    fs.utimesSync(lock, 0, 0);
    assert.equal(readRun(run.folder).record.status, "interrupted");
  });

  it("is not mixed with one of other defaults", (t) => {
    const root = temporaryFolder(t);
    makeFinished(root);
    const config = { ...named.config, modulus: 97 };
    const changed = describeRun({ ...named, config, defaults: { ...named.defaults, modulus: 97 } });
    const message = /expected a run with modulus = 97, found one with modulus = 113: a default of task/;
    assert.throws(() => openRun(root, changed), { name: "StoreError", message });
    assert.throws(() => findRun(root, changed), { name: "StoreError", message });
    openRun(root, description).close(); // the lock was given back
  });

  it("is found whatever is measured, and says so where a training field was added since", (t) => {
    const root = temporaryFolder(t);
    makeFinished(root);
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    const finer = describeRun({ ...named, config: { ...named.config, measureEvery: 1 } });
    assert.ok(findRun(root, finer, { onWarning }));
    assert.deepEqual(warnings, []);
    const [config, defaults] = [named.config, named.defaults].map((one) => ({ ...one, warmup: 10 }));
    assert.ok(findRun(root, describeRun({ ...named, config, defaults }), { onWarning }));
    assert.match(
      warnings[0],
      /trained before the task had warmup: its record does not say what it had there/,
    );
  });

  it("is moved aside whole, out of every search, unless it is in use", (t) => {
    const root = temporaryFolder(t);
    const folder = makeFinished(root);
    const open = openRun(root, description);
    assert.throws(() => moveAside(RUN, folder), /is already open in this process/);
    open.close();
    const aside = moveAside(RUN, folder)!;
    assert.equal(findRun(root, description), undefined);
    assert.deepEqual(findRuns(root), []);
    assert.equal(fs.readFileSync(join(aside, "rows.jsonl"), "utf8").split("\n").length, 3);
    makeFinished(root);
    assert.notEqual(moveAside(RUN, folder), aside);
  });

  it("is read from a read-only disk, also without its lock, and not opened for writing there", (t) => {
    const disk = tinyDisk(t);
    if (disk === undefined) return;
    makeFinished(disk.folder);
    disk.makeReadOnly();
    assert.equal(findRun(disk.folder, description)?.rows().length, 2);
    const message = /cannot lock run .*: the file system is read-only \(EROFS\)/;
    assert.throws(() => openRun(disk.folder, description), { name: "StoreError", message });
  });

  it("names a runs folder that cannot be made", (t) => {
    const file = join(temporaryFolder(t), "file");
    fs.writeFileSync(file, "");
    const message = /cannot make the run folder .*file\/runs.*ENOTDIR/;
    assert.throws(() => openRun(join(file, "runs"), description), { name: "StoreError", message });
  });

  it("keeps everything on a full disk, and goes on when there is room again", (t) => {
    const disk = tinyDisk(t);
    if (disk === undefined) return;
    const run = openRun(disk.folder, description);
    run.writeArrays(0, arrays);
    run.appendRows([{ step: 0, value: 1 }]);
    run.writeCheckpoint(0, arrays);
    const ballast = join(disk.folder, "ballast");
    assert.throws(() => fs.writeFileSync(ballast, Buffer.alloc(100_000)), /ENOSPC/);
    const full = { name: "StoreError", message: /the disk is full \(ENOSPC\)/ };
    assert.throws(() => run.writeArrays(1, arrays), full);
    assert.throws(() => run.writeCheckpoint(1, arrays), full);
    assert.throws(() => run.update({ status: "interrupted" }), full);
    assert.equal(run.record.status, "running");
    fs.rmSync(ballast);
    run.close();
    const again = openRun(disk.folder, description);
    assert.deepEqual(
      [again.resumeFrom()?.step, again.rows(), again.steps()],
      [0, [{ step: 0, value: 1 }], [0]],
    );
    again.close();
  });
});

describe("a damaged run.json", () => {
  const damages: [what: string, text: string | undefined, message: RegExp][] = [
    ["cut short", '{"format": 2, "id"', /expected JSON, found/],
    ["empty", "", /expected JSON, found/],
    ["zeros", "\0\0\0", /expected JSON, found/],
    ["not an object", "[]", /expected an object, found \[\]/],
    ["of another format", '{"format": 3}', /expected format 2, which this version reads, found format 3/],
    [
      "of an earlier format",
      '{"format": 1}',
      /expected format 2, which this version reads, found format 1 \(npm run migrate/,
    ],
    ["without a task", '{"format": 2}', /expected text as "task", found nothing/],
    ["missing", undefined, /expected the record of this run, found no such file/],
  ];
  for (const [what, text, message] of damages) {
    it(`(${what}) is named, never trained over, and set aside on request`, (t) => {
      const root = temporaryFolder(t);
      const folder = makeFinished(root);
      const path = join(folder, "run.json");
      if (text === undefined) fs.rmSync(path);
      else fs.writeFileSync(path, text);
      const check = (error: Error): boolean => {
        assert.equal(error.name, "DataError");
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(`${path}: `) && error.message.includes("setAsideDamaged: true"));
        return true;
      };
      assert.throws(() => openRun(root, description), check);
      if (text !== undefined) assert.throws(() => findRun(root, description), check);
      const said: string[] = [];
      assert.deepEqual(findRuns(root, { onLeftOut: (line) => said.push(line) }), []);
      assert.equal(said.length, 1);
      check(new DataError(said[0].replace(/^left out: /, "")));

      const warnings: string[] = [];
      const run = openRun(root, description, {
        setAsideDamaged: true,
        onWarning: (said) => warnings.push(said),
      });
      assert.deepEqual([run.record.status, run.rows().length, run.steps()], ["running", 2, [0, 10]]);
      run.close();
      if (text === undefined) return;
      assert.equal(fs.readFileSync(`${path}.damaged-1`, "utf8"), text);
      assert.match(warnings[0], /run\.json is damaged; kept as .*run\.json\.damaged-1/);
    });
  }

  it("is noticed when a field has the wrong type or the folder another name", (t) => {
    const folder = makeFinished(temporaryFolder(t));
    const path = join(folder, "run.json");
    const record = JSON.parse(fs.readFileSync(path, "utf8")) as object;
    const wrong = {
      seed: "1",
      status: "done",
      config: null,
      timings: [],
      training: [],
      data: "MNIST",
      coverage: 3,
      stretches: {},
      created: 5,
      id: "abc",
    };
    for (const [field, value] of Object.entries(wrong)) {
      fs.writeFileSync(path, JSON.stringify({ ...record, [field]: value }));
      assert.throws(
        () => readRun(folder),
        { name: "DataError", message: new RegExp(`as "${field}", found`) },
        field,
      );
    }
    fs.writeFileSync(path, JSON.stringify({ ...record, seed: 7 }));
    assert.throws(() => readRun(folder), { name: "DataError", message: /expected content whose name is/ });
  });
});

describe("findRuns", () => {
  it("finds runs by task and record, each once", (t) => {
    const [here, there] = [temporaryFolder(t), temporaryFolder(t)];
    makeFinished(here);
    makeFinished(there);
    makeFinished(here, describeRun({ ...named, seed: 2 }));
    makeFinished(there, describeRun({ ...named, task: "vgg" }));
    openRun(here, describeRun({ ...named, task: "vgg" })).close();
    const found = findRuns([here, there]);
    assert.deepEqual(
      found.map(({ record }) => [record.task, record.seed, record.status]),
      [
        ["modular-addition", 1, "finished"],
        ["modular-addition", 2, "finished"],
        ["vgg", 1, "finished"],
      ],
    );
    assert.deepEqual(
      found.map(({ folder }) => folder.startsWith(here)),
      [true, true, false],
    );
    assert.deepEqual(
      findRuns(here, { task: "vgg" }).map(({ record }) => record.status),
      ["interrupted"],
    );
    assert.deepEqual(
      findRuns(here, { where: ({ seed }) => seed === 2 }).map(({ record }) => record.seed),
      [2],
    );
    assert.deepEqual(findRuns(join(here, "none")), []);
  });
});
