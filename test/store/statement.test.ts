import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { float32 } from "spectral-lab/core/array";
import { DataError } from "spectral-lab/core/errors";
import { findRuns } from "spectral-lab/store/find-runs";
import { RUN } from "spectral-lab/store/record";
import { exportRun, readResult } from "spectral-lab/store/results";
import { openRun } from "spectral-lab/store/run";
import { readRun, verifyRun } from "spectral-lab/store/stored-run";
import { openStudy, readStudy, STUDY, verifyStudy } from "spectral-lab/store/study";
import { addWhatLacks } from "spectral-lab/store/upgrade";
import { inventedData } from "./description.js";
import { temporaryFolder } from "./temporary-folder.js";
import { toy } from "./toy-run.js";

const arrays = new Map([["s", float32([3], Float32Array.of(3, 2, 1))]]);

function finished(root: string): string {
  const run = openRun(root, toy);
  for (const step of [0, 4]) {
    run.writeArrays(step, arrays);
    run.writeMemory(step, arrays, { optimiserCount: "1" });
    run.writeWeights(step, arrays);
    run.appendRows([
      { step, value: 1 / 3 },
      { step, value: step },
    ]);
  }
  run.update({ status: "finished", step: 4 });
  run.close();
  return run.folder;
}

/** Changes one bit of a file. */
function flip(path: string, at: number): void {
  const bytes = fs.readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 1;
  fs.writeFileSync(path, bytes);
}

/** Cuts a file at its end. */
function cut(path: string, bytes: number): void {
  fs.truncateSync(path, fs.statSync(path).size - bytes);
}

const damage = (file: string, says: string): { name: string; message: RegExp } => ({
  name: "DataError",
  message: new RegExp(
    `${file}: expected ${says}, as the finished record states, found .*runs set-aside .*/toy/`,
  ),
});

describe("a finished run whose files were damaged", () => {
  const rows: [what: string, spoil: (path: string) => void, says: string][] = [
    ["cut at the end of a row", (path) => fs.truncateSync(path, 42), "\\d+ bytes"],
    ["cut inside a row", (path) => cut(path, 3), "\\d+ bytes"],
    ["empty", (path) => fs.truncateSync(path, 0), "\\d+ bytes"],
    ["gone", (path) => fs.rmSync(path), "\\d+ bytes"],
  ];
  for (const [what, spoil, says] of rows) {
    it(`is left out of searches when its rows are ${what}, with the command that makes it anew`, (t) => {
      const root = temporaryFolder(t);
      const folder = finished(root);
      spoil(join(folder, "rows.jsonl"));
      assert.throws(() => readRun(folder).rows(), damage("rows.jsonl", says));
      const said: string[] = [];
      assert.deepEqual(findRuns(root, { onLeftOut: (line) => said.push(line) }), []);
      assert.equal(said.length, 1);
      assert.match(said[0], /spectral train toy --profile paper --set steps=120 --seed 3 --retrain$/);
      assert.throws(() => openRun(root, toy), damage("rows.jsonl", says), "nothing is measured into it");
    });
  }

  it("shows no row of a file whose digits or rows changed", (t) => {
    const folder = finished(temporaryFolder(t));
    const path = join(folder, "rows.jsonl");
    const content = fs.readFileSync(path, "utf8");
    fs.writeFileSync(path, content.replace("0.333", "0.331"));
    assert.throws(() => readRun(folder).rows(), damage("rows.jsonl", "\\d+ bytes of SHA-256 [0-9a-f]{16}…"));
    fs.writeFileSync(path, content.replace("}\n{", "} {"));
    assert.throws(() => readRun(folder).rows(), damage("rows.jsonl", "4 rows"));
  });

  it("reads no array of a file that is cut, changed, gone or another's", (t) => {
    const places: [place: string, read: (folder: string) => unknown][] = [
      ["steps", (folder) => readRun(folder).readArrays(4)],
      ["weights", (folder) => readRun(folder).readWeights(4)],
      ["moments", (folder) => readRun(folder).readMemory(4)],
    ];
    for (const [place, read] of places) {
      const spoils: [spoil: (path: string) => void, says: string][] = [
        [(path) => cut(path, 1), "\\d+ bytes"],
        [(path) => flip(path, -1), "\\d+ bytes of SHA-256 [0-9a-f]{16}…"],
        [(path) => fs.appendFileSync(path, "more"), "\\d+ bytes"],
        [(path) => fs.rmSync(path), "\\d+ bytes"],
      ];
      for (const [spoil, says] of spoils) {
        const folder = finished(temporaryFolder(t));
        spoil(join(folder, place, "4.safetensors"));
        assert.throws(() => read(folder), damage(`${place}/4\\.safetensors`, says), place);
        assert.throws(() => verifyRun(readRun(folder), true), damage(`${place}/4\\.safetensors`, says));
        assert.equal(readRun(folder).rows().length, 4, "the rest is read");
      }
    }
  });

  it("shows no file that it does not state", (t) => {
    const folder = finished(temporaryFolder(t));
    fs.cpSync(join(folder, "steps/4.safetensors"), join(folder, "steps/8.safetensors"));
    assert.deepEqual(readRun(folder).steps(), [0, 4]);
    assert.throws(() => readRun(folder).readArrays(8), /steps\/8\.safetensors: it does not exist/);
  });

  it("is noticed in a committed result", (t) => {
    const [runs, results] = [temporaryFolder(t), temporaryFolder(t)];
    const folder = exportRun(readRun(finished(runs)), results, { arrays: () => true });
    readResult(folder).readArrays(4);
    flip(join(folder, "arrays.safetensors"), -1);
    assert.throws(
      () => readResult(folder).readArrays(4),
      damage("arrays\\.safetensors", "\\d+ bytes of SHA.*"),
    );
    cut(join(folder, "arrays.safetensors"), 1);
    assert.throws(() => readResult(folder), damage("arrays\\.safetensors", "\\d+ bytes"));
  });

  it("hashes no array when runs are listed", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root);
    flip(join(folder, "weights/4.safetensors"), -1);
    assert.equal(findRuns(root).length, 1);
  });
});

/** Takes the statement out of a record, as earlier versions wrote it. */
function withoutStatement(path: string): void {
  const { files: _, ...old } = JSON.parse(fs.readFileSync(path, "utf8")) as Record<string, unknown>;
  fs.writeFileSync(path, JSON.stringify(old));
}

describe("a finished folder of an earlier version", () => {
  it("is read, and states its files once it is brought up to date or opened", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root);
    const { files } = readRun(folder).record;
    withoutStatement(join(folder, "run.json"));
    assert.equal(readRun(folder).rows().length, 4);
    assert.equal(addWhatLacks(RUN, folder), "states 6 files and its rows");
    assert.deepEqual(readRun(folder).record.files, files);
    assert.equal(addWhatLacks(RUN, folder), undefined);
    withoutStatement(join(folder, "run.json"));
    openRun(root, toy).close();
    assert.deepEqual(readRun(folder).record.files, files);
  });

  it("does not state a file that is damaged already", (t) => {
    const folder = finished(temporaryFolder(t));
    withoutStatement(join(folder, "run.json"));
    cut(join(folder, "steps/4.safetensors"), 1);
    assert.throws(() => addWhatLacks(RUN, folder), /4\.safetensors: expected .* bytes/);
    assert.equal(readRun(folder).record.files, undefined);
  });

  it("is not shown where its rows are gone or end in the middle of one", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root);
    const rows = join(folder, "rows.jsonl");
    withoutStatement(join(folder, "run.json"));
    cut(rows, 3);
    const says = (found: string): RegExp =>
      new RegExp(`rows\\.jsonl: expected the rows of a finished folder, found ${found}`);
    for (const found of ["a last row cut short \\(\\d+ bytes\\)", "no such file"]) {
      assert.throws(() => readRun(folder).rows(), says(found));
      assert.throws(() => addWhatLacks(RUN, folder), says(found));
      assert.throws(() => openRun(root, toy), says(found));
      fs.rmSync(rows, { force: true });
    }
  });

  it("has checkpoints without checksums: these are named, and sealed when it is brought up to date", (t) => {
    const root = temporaryFolder(t);
    const run = openRun(root, toy);
    run.appendRows([{ step: 0 }]);
    run.writeCheckpoint(0, arrays, { at: "0" });
    run.close();
    const path = join(run.folder, "checkpoints/0.safetensors");
    rewriteHeader(path, (metadata) => {
      delete metadata.sha256;
      delete metadata.rowsSha256;
    });
    const again = openRun(root, toy);
    assert.throws(
      () => again.resumeFrom(),
      /0\.safetensors: expected "rowsSha256" .*npm run migrate -- FOLDER/,
    );
    again.close();
    assert.equal(addWhatLacks(RUN, run.folder), "checksums for the checkpoints of step 0");
    const sealed = openRun(root, toy);
    assert.deepEqual(sealed.resumeFrom()?.metadata, { at: "0" });
    sealed.close();
  });
});

/** Changes the metadata of a safetensors file and leaves its data. */
function rewriteHeader(path: string, change: (metadata: Record<string, string>) => void): void {
  const bytes = fs.readFileSync(path);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, end).toString()) as { __metadata__: Record<string, string> };
  change(header.__metadata__);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  fs.writeFileSync(path, Buffer.concat([length, text, bytes.subarray(end)]));
}

describe("a checkpoint", () => {
  const fields = { optimiserCount: "4", runningSum: "0.5", runningCount: "1" };

  /** An interrupted run with checkpoints at 2 and 4. */
  function interrupted(root: string): string {
    const run = openRun(root, toy);
    for (const step of [2, 4]) {
      run.appendRows([{ step, value: step / 3 }]);
      run.writeCheckpoint(step, arrays, fields);
    }
    run.close();
    return join(run.folder, "checkpoints/4.safetensors");
  }

  /** From which step a run goes on, and what it says. */
  function resumed(root: string): [step: number | undefined, said: string] {
    const said: string[] = [];
    const run = openRun(root, toy, { onWarning: (line) => said.push(line) });
    try {
      return [run.resumeFrom()?.step, said.join()];
    } finally {
      run.close();
    }
  }

  it("of which any one bit changed is refused, and the one before it is taken", (t) => {
    const root = temporaryFolder(t);
    const path = interrupted(root);
    const whole = fs.readFileSync(path);
    assert.deepEqual(resumed(root), [4, ""]);
    for (let at = 0; at < whole.length; at += 3) {
      const spoiled = Buffer.from(whole);
      spoiled[at] ^= 1;
      fs.writeFileSync(path, spoiled);
      fs.writeFileSync(join(path, "../../rows.jsonl"), rowsOf([2, 4]));
      const [step, said] = resumed(root);
      // A space behind the header may be any other white space: nothing of what it holds changed.
      if (step === 4) assert.ok(whole[at] === 0x20, `byte ${at}`);
      else assert.match(said, /4\.safetensors: expected .*; resuming from step 2 instead/s);
    }
  });

  const rowsOf = (steps: readonly number[]): string =>
    steps.map((step) => `{"step":${step},"value":${step / 3}}\n`).join("");

  it("without one of its fields, or cut anywhere, is refused", (t) => {
    for (const field of [
      "sha256",
      "rowsSha256",
      "rowsBytes",
      "optimiserCount",
      "runningSum",
      "runningCount",
    ]) {
      const root = temporaryFolder(t);
      rewriteHeader(interrupted(root), (metadata) => delete metadata[field]);
      assert.equal(resumed(root)[0], 2, field);
    }
    const root = temporaryFolder(t);
    const path = interrupted(root);
    const { size } = fs.statSync(path);
    for (const bytes of [0, 1, 8, 100, size - 1]) {
      fs.truncateSync(path, bytes);
      assert.equal(resumed(root)[0], 2, `${bytes} bytes`);
    }
  });

  it("whose rows are not those of then is refused", (t) => {
    const root = temporaryFolder(t);
    const rows = join(interrupted(root), "../../rows.jsonl");
    fs.writeFileSync(rows, fs.readFileSync(rows, "utf8").replace("1.333", "1.343"));
    const [step, said] = resumed(root);
    assert.equal(step, 2);
    assert.match(said, /expected the rows before it as they were then, found others/);
    fs.writeFileSync(rows, `${rowsOf([2])}\0\0\0\0\n`); // no row at all, as after a power cut
    assert.equal(resumed(root)[0], 2);
  });

  it("that training cannot go on from is refused too", (t) => {
    const root = temporaryFolder(t);
    interrupted(root);
    const run = openRun(root, toy, { onWarning: () => undefined });
    const found = run.resumeFrom(({ step }) => {
      if (step === 4) throw new DataError("no optimiser");
    });
    assert.equal(found?.step, 2);
    run.close();
  });
});

describe("a run that cannot be finished", () => {
  it("because one of its files is damaged says which, and what to do; it is not finished", (t) => {
    const run = openRun(temporaryFolder(t), toy);
    run.writeArrays(0, arrays);
    cut(join(run.folder, "steps/0.safetensors"), 1);
    assert.throws(() => run.update({ status: "finished" }), {
      name: "DataError",
      message: /steps\/0\.safetensors: expected .*: with it this run cannot be finished.*runs set-aside /,
    });
    assert.equal(run.record.status, "running");
    run.close();
  });
});

describe("files that something else takes away while a run is trained", () => {
  it("stop it at the next row, and keep it from being finished", (t) => {
    const run = openRun(temporaryFolder(t), toy);
    const path = join(run.folder, "rows.jsonl");
    run.appendRows([{ step: 0, value: 1 }]);
    run.writeArrays(0, arrays);
    const content = fs.readFileSync(path);
    const expected = {
      name: "StoreError",
      message: /rows\.jsonl: expected 21 bytes, as this process left them, found /,
    };
    for (const spoil of [
      () => fs.rmSync(path),
      () => fs.writeFileSync(path, ""),
      () => fs.appendFileSync(path, "x"),
    ]) {
      spoil();
      assert.throws(() => run.appendRows([{ step: 1, value: 1 }]), expected);
      assert.throws(() => run.update({ status: "finished" }), expected);
      fs.writeFileSync(path, content);
    }
    fs.rmSync(join(run.folder, "steps"), { recursive: true });
    assert.throws(() => run.update({ status: "finished" }), {
      name: "StoreError",
      message: /steps\/0\.safetensors: expected the file that this process wrote, found none/,
    });
    run.close();
  });
});

describe("a study that is finished", () => {
  const identity = {
    kind: "barrier",
    inputs: [{ run: "aaaaaaaaaaaa", task: "vgg", step: 5, seed: 0, data: inventedData }],
    parameters: { points: 2 },
    defaults: { points: 2 },
  };

  it("is compared with what it states, stays finished and is not computed again", (t) => {
    const root = temporaryFolder(t);
    const study = openStudy(root, identity, { version: "1" });
    for (const part of study.resume(["a/0", "a/1"])) study.writePart(part, [{ value: 1 }], arrays);
    study.update({ status: "finished" });
    assert.throws(() => study.resume(["a/0"]), { name: "StoreError", message: /study .* is finished/ });
    assert.throws(() => study.writePart("b", [{ value: 1 }]), { name: "StoreError", message: /is finished/ });
    assert.throws(() => study.update({ status: "running" }), {
      name: "StoreError",
      message: /cannot become/,
    });
    study.close();
    verifyStudy(readStudy(study.folder));
    const { files } = readStudy(study.folder).record;
    withoutStatement(join(study.folder, "study.json"));
    assert.equal(addWhatLacks(STUDY, study.folder), "states 2 files and its rows");
    assert.deepEqual(readStudy(study.folder).record.files, files);
    flip(join(study.folder, "parts/a%2F1.safetensors"), -1);
    const message = /parts\/a%2F1\.safetensors: expected \d+ bytes of SHA-256/;
    assert.throws(() => readStudy(study.folder).readArrays("a/1"), { name: "DataError", message });
    assert.throws(() => verifyStudy(readStudy(study.folder)), { name: "DataError", message });
    fs.truncateSync(join(study.folder, "rows.jsonl"), 10);
    assert.throws(() => readStudy(study.folder).rows(), /rows\.jsonl: expected \d+ bytes/);
  });
});

describe("a finished run", () => {
  it("never becomes anything else, whoever writes its record", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root);
    const before = fs.readFileSync(join(folder, "run.json"), "utf8");
    const run = openRun(root, toy);
    for (const status of ["running", "interrupted", "failed"] as const) {
      assert.throws(() => run.update({ status }), {
        name: "StoreError",
        message: new RegExp(`run\\.json: this run is finished: it cannot become ${status}. .*--retrain`),
      });
    }
    run.close();
    assert.equal(fs.readFileSync(join(folder, "run.json"), "utf8"), before);
  });

  it("is not overwritten by a process that lost it while another finished it", (t) => {
    const root = temporaryFolder(t);
    const slow = openRun(root, toy);
    const [lock, aside] = [join(slow.folder, "lock"), join(root, "lock-aside")];
    fs.renameSync(lock, aside); // broken by force
    finished(root);
    fs.renameSync(aside, lock); // so that only the record itself can tell
    assert.throws(
      () => slow.update({ status: "failed", failure: "late" }),
      /is finished: it cannot become failed/,
    );
    slow.close();
    assert.equal(readRun(slow.folder).record.status, "finished");
  });
});
