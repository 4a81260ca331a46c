import assert from "node:assert/strict";
import fs, {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { float32 } from "spectral-lab/core/array";
import { DataError } from "spectral-lab/core/errors";
import type { Row } from "spectral-lab/store/rows";
import {
  exportStudy,
  findStudies,
  findStudy,
  openStudy,
  readStudy,
  studyFolder,
  studyId,
  type Study,
  type StudyIdentity,
} from "spectral-lab/store/study";
import { inventedData } from "./description.js";
import { ended, firstOutput, start } from "./child.js";
import { temporaryFolder, tinyDisk } from "./temporary-folder.js";

const identity: StudyIdentity = {
  kind: "barrier",
  inputs: [
    { run: "aaaaaaaaaaaa", task: "vgg", step: 5, seed: 0, data: inventedData },
    { run: "bbbbbbbbbbbb", task: "vgg", step: 9, seed: 1, data: inventedData },
  ],
  parameters: { points: 5, on: "train" },
  defaults: { points: 11, on: "train" },
};
const code = { version: "1.2.3", commit: "abc", clean: true };
const parts = ["alpha/0", "alpha/0.5", "matrix/a -> b"];
const rowsOf = (part: string): Row[] => [0, 1].map((i) => ({ index: i, text: part, value: NaN }));
const arraysOf = (part: string) => new Map([["x", float32([1], Float32Array.of(part.length))]]);

const open = (root: string, warnings: string[] = []): Study =>
  openStudy(root, identity, code, { onWarning: (warning) => warnings.push(warning) });

/** A study whose first parts are written, closed. */
function written(root: string, count: number): string {
  const study = open(root);
  study.resume(parts);
  for (const part of parts.slice(0, count)) study.writePart(part, rowsOf(part), arraysOf(part));
  study.close();
  return study.folder;
}

/** Every file of a study but its record. */
function files(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(jsonl|safetensors|tmp)$/.test(name),
  );
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

describe("studyId", () => {
  const id = studyId(identity);
  const [a, b] = identity.inputs;
  it("depends on kind, inputs and changed parameters", () => {
    const others: Partial<StudyIdentity>[] = [
      { kind: "masks" },
      { inputs: [b, a] },
      { inputs: [a] },
      { inputs: [a, { ...b, step: 10 }] },
      { inputs: [a, { ...b, task: "lstm" }] },
      { inputs: [a, { ...b, edit: "doubled" }] },
      { parameters: { points: 6, on: "train" } },
    ];
    const ids = others.map((changed) => studyId({ ...identity, ...changed }));
    assert.equal(new Set([id, ...ids]).size, 1 + others.length);
  });
  it("does not depend on what only describes a run, or on a parameter added later", () => {
    const inputs = identity.inputs.map((input) => ({
      ...input,
      seed: 9,
      data: { ...inventedData, name: "x" },
    }));
    const parameters = { seeds: 3, ...identity.parameters };
    assert.equal(
      studyId({ ...identity, inputs, parameters, defaults: { ...identity.defaults, seeds: 3 } }),
      id,
    );
  });
  it("is stable between versions", () => assert.equal(id, "fdf942305ac4"));
});

describe("a study", () => {
  it("is made, filled, finished and read again", (t) => {
    const root = temporaryFolder(t);
    assert.equal(findStudy(root, identity), undefined);
    const folder = written(root, 3);
    assert.equal(folder, join(root, "barrier", studyId(identity)));
    const study = open(root);
    assert.deepEqual(study.resume(parts), []);
    study.update({ status: "finished", finished: "2030", timings: { computing: 2 } });
    study.close();
    const { record, ...read } = findStudy(root, identity)!;
    const { created, files, ...rest } = record;
    assert.deepEqual([files?.rows.count, Object.keys(files!.kept).length], [6, 3]);
    assert.ok(Date.parse(created) <= Date.now());
    assert.deepEqual(rest, {
      format: 1,
      id: studyId(identity),
      kind: "barrier",
      inputs: identity.inputs,
      parameters: { points: 5, on: "train" },
      changed: { points: 5 },
      status: "finished",
      finished: "2030",
      code,
      timings: { computing: 2 },
    });
    assert.deepEqual(
      read.rows(),
      parts.flatMap((part) => rowsOf(part).map((row) => ({ part, ...row }))),
    );
    assert.match(readFileSync(join(folder, "rows.jsonl"), "utf8"), /^\{"part":"alpha\/0","index":0,/);
    for (const part of parts) assert.deepEqual(read.readArrays(part), arraysOf(part));
    assert.deepEqual(readdirSync(join(folder, "parts")).sort(), [
      "alpha%2F0.5.safetensors",
      "alpha%2F0.safetensors",
      "matrix%2Fa%20-%3E%20b.safetensors",
    ]);
    assert.throws(() => read.readArrays("alpha/1"), {
      name: "DataError",
      message: /alpha%2F1.*does not exist/,
    });
  });

  it("goes on after the last whole part, whatever was left behind it", (t) => {
    const expected = files(written(temporaryFolder(t), 3));
    const torn = '{"part":"matrix/a -> b","index":0,"te';
    const half = '{"part":"alpha/0.5","index":0,"text":"alpha/0.5","value":"NaN"}\n';
    const left: [what: string, whole: number, spoil: (folder: string) => void, missing: number][] = [
      ["nothing", 0, () => undefined, 3],
      ["nothing more", 2, () => undefined, 1],
      ["a row cut short", 2, (folder) => appendFileSync(join(folder, "rows.jsonl"), torn), 1],
      [
        "an append cut at the end of a line",
        1,
        (folder) => appendFileSync(join(folder, "rows.jsonl"), half),
        2,
      ],
      [
        "an append cut at the end of a line, and its arrays",
        2,
        (folder) => {
          const rows = readFileSync(join(folder, "rows.jsonl"), "utf8").split("\n");
          writeFileSync(join(folder, "rows.jsonl"), `${rows.slice(0, 3).join("\n")}\n`);
        },
        2,
      ],
      [
        "a row that is damaged",
        2,
        (folder) => {
          const path = join(folder, "rows.jsonl");
          const [first, second, third, ...rest] = readFileSync(path, "utf8").split("\n");
          writeFileSync(path, [first, second, third.replace("{", "["), ...rest].join("\n"));
        },
        2,
      ],
      [
        "a digit that changed",
        2,
        (folder) => {
          const path = join(folder, "rows.jsonl");
          const rows = readFileSync(path, "utf8").split("\n");
          writeFileSync(
            path,
            rows.map((row, i) => (i === 3 ? row.replace('"index":1', '"index":7') : row)).join("\n"),
          );
        },
        2,
      ],
      [
        "an array that changed",
        2,
        (folder) => {
          const path = join(folder, "parts/alpha%2F0.5.safetensors");
          const bytes = readFileSync(path);
          bytes[bytes.length - 1] ^= 1;
          writeFileSync(path, bytes);
        },
        2,
      ],
      ["arrays without rows", 2, (folder) => truncateSync(join(folder, "rows.jsonl"), 0), 3],
      ["rows without arrays", 2, (folder) => fs.rmSync(join(folder, "parts/alpha%2F0.5.safetensors")), 2],
      ["arrays cut short", 2, (folder) => truncateSync(join(folder, "parts/alpha%2F0.safetensors"), 20), 3],
      [
        "arrays of a part that is none now",
        1,
        (folder) => writeFileSync(join(folder, "parts/old.safetensors"), ""),
        2,
      ],
    ];
    for (const [what, whole, spoil, count] of left) {
      const root = temporaryFolder(t);
      spoil(written(root, whole));
      const study = open(root);
      const missing = study.resume(parts);
      assert.deepEqual(missing, parts.slice(3 - count), what);
      for (const part of missing) study.writePart(part, rowsOf(part), arraysOf(part));
      study.close();
      assert.deepEqual(files(study.folder), expected, what);
    }
  });

  it("names what it repairs", (t) => {
    const root = temporaryFolder(t);
    const folder = written(root, 2);
    appendFileSync(join(folder, "rows.jsonl"), "{");
    truncateSync(join(folder, "parts/alpha%2F0.5.safetensors"), 20);
    const warnings: string[] = [];
    const study = open(root, warnings);
    study.resume(parts);
    study.close();
    assert.equal(warnings.length, 2);
    assert.match(warnings[0], /rows\.jsonl: dropped a last row that was cut short \(1 bytes\)/);
    assert.match(
      warnings[1],
      /alpha%2F0\.5\.safetensors: expected .*; computing this part and those after it again/,
    );
  });

  it("takes no part without rows, no column `part`, no part twice, and nothing once it is closed", (t) => {
    const study = open(temporaryFolder(t));
    assert.throws(() => study.writePart("a", []), { name: "RangeError", message: /part "a": .*found none/ });
    assert.throws(() => study.writePart("a", [{ part: "b" }]), RangeError);
    assert.throws(() => study.resume(["a", "a"]), { name: "RangeError", message: /each part once/ });
    assert.deepEqual(study.rows(), []);
    study.close();
    assert.throws(() => study.writePart("a", [{ x: 1 }]), /study .* was closed/);
    assert.throws(() => study.resume(parts), /study .* was closed/);
    assert.throws(() => study.update({ status: "failed" }), /study .* was closed/);
  });

  it("says which other process has it, and is interrupted once that was killed", async (t) => {
    const root = temporaryFolder(t);
    const folder = written(root, 1);
    const child = start("../core/files/lock-holder", join(folder, "lock"));
    await firstOutput(child);
    const message = new RegExp(`study .*${studyId(identity)} is in use by process ${child.pid}`);
    assert.throws(() => open(root), { name: "StoreError", message });
    assert.equal(readStudy(folder).record.status, "running");
    child.kill("SIGKILL");
    await ended(child);
    assert.equal(readStudy(folder).record.status, "interrupted");
    open(root).close();
  });

  it("is not mixed with one of other defaults", (t) => {
    const root = temporaryFolder(t);
    written(root, 1);
    const changed = {
      ...identity,
      parameters: { points: 5, on: "both" },
      defaults: { points: 11, on: "both" },
    };
    const message =
      /expected a study with on = both, found one with on = train: a default of barrier was changed/;
    assert.throws(() => findStudy(root, changed), { name: "StoreError", message });
    assert.throws(() => openStudy(root, changed, code), { name: "StoreError", message });
  });

  /** Lets every write of rows fail half way, as on a full disk, until the function returned is called. */
  function fillDisk(t: TestContext): () => void {
    const write = fs.writeSync;
    const half = (file: number, bytes: Buffer, from: number, length: number): number => {
      const isRows = bytes.subarray(from, from + 8).toString() === '{"part":';
      const written = write(file, bytes, from, isRows ? Math.floor(length / 2) : length);
      if (!isRows) return written;
      throw Object.assign(new Error("no space"), { code: "ENOSPC" });
    };
    const mocked = t.mock.method(fs, "writeSync", half as typeof fs.writeSync);
    syncBuiltinESMExports();
    return () => {
      mocked.mock.restore();
      syncBuiltinESMExports();
    };
  }

  it("keeps what was there when rows cannot be appended, and goes on when there is room again", (t) => {
    const root = temporaryFolder(t);
    const before = files(written(root, 2));
    const study = open(root);
    study.resume(parts);
    const empty = fillDisk(t);
    const message = /cannot append to .*rows\.jsonl: the disk is full \(ENOSPC\)/;
    const write = (): void => study.writePart(parts[2], rowsOf(parts[2]), arraysOf(parts[2]));
    assert.throws(write, { name: "StoreError", message });
    empty();
    assert.equal(files(study.folder).get("rows.jsonl"), before.get("rows.jsonl"));
    assert.equal(files(study.folder).size, before.size + 1, "arrays without rows");
    assert.deepEqual(study.resume(parts), [parts[2]]);
    assert.deepEqual(files(study.folder), before);
    study.close();
  });

  it("keeps everything on a full disk", (t) => {
    const disk = tinyDisk(t);
    if (disk === undefined) return;
    const folder = written(disk.folder, 1);
    const study = open(disk.folder);
    study.resume(parts);
    const ballast = join(disk.folder, "ballast");
    assert.throws(() => writeFileSync(ballast, Buffer.alloc(100_000)), /ENOSPC/);
    const full = { name: "StoreError", message: /the disk is full \(ENOSPC\)/ };
    assert.throws(() => study.writePart(parts[1], rowsOf(parts[1]), arraysOf(parts[1])), full);
    assert.throws(() => study.update({ status: "failed" }), full);
    assert.equal(study.record.status, "running");
    fs.rmSync(ballast);
    study.close();
    assert.equal(readStudy(folder).rows().length, 2);
  });
});

describe("a damaged study.json", () => {
  const damages: [what: string, text: string | undefined, message: RegExp][] = [
    ["cut short", '{"format": 1, "id"', /expected JSON, found/],
    ["not an object", "[]", /expected an object, found \[\]/],
    ["of another format", '{"format": 2}', /expected format 1, which this version reads, found format 2/],
    ["without a kind", '{"format": 1}', /expected text as "kind", found nothing/],
    ["missing", undefined, /expected the record of this study, found no such file/],
  ];
  for (const [what, text, message] of damages) {
    it(`(${what}) is named, never computed over, and set aside on request`, (t) => {
      const root = temporaryFolder(t);
      const path = join(written(root, 2), "study.json");
      if (text === undefined) fs.rmSync(path);
      else writeFileSync(path, text);
      const check = (error: Error): boolean => {
        assert.equal(error.name, "DataError");
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(`${path}: `) && error.message.includes("setAsideDamaged: true"));
        return true;
      };
      assert.throws(() => open(root), check);
      if (text !== undefined) assert.throws(() => findStudy(root, identity), check);
      const said: string[] = [];
      assert.deepEqual(findStudies(root, undefined, { onLeftOut: (line) => said.push(line) }), []);
      assert.equal(said.length, 1);
      check(new DataError(said[0].replace(/^left out: /, "")));
      const study = openStudy(root, identity, code, { setAsideDamaged: true, onWarning: () => undefined });
      assert.deepEqual(study.resume(parts), [parts[2]]);
      study.close();
      assert.equal(existsSync(`${path}.damaged-1`), text !== undefined);
    });
  }
});

describe("findStudies", () => {
  it("leaves out those that are damaged, in one line each, and finds the others", (t) => {
    const root = temporaryFolder(t);
    for (const kind of ["masks", "agreement", "barrier"]) {
      const study = openStudy(root, { ...identity, kind }, code);
      for (const part of study.resume(parts)) study.writePart(part, rowsOf(part), arraysOf(part));
      study.update({ status: "finished" });
      study.close();
    }
    const [masks, barrier] = ["masks", "barrier"].map((kind) => studyFolder(root, { ...identity, kind }));
    const rows = join(masks, "rows.jsonl");
    writeFileSync(rows, readFileSync(rows, "utf8").replace('"index":1', '"index":7'));
    truncateSync(join(barrier, "study.json"), 30);
    const said: string[] = [];
    const found = findStudies(root, undefined, { onLeftOut: (line) => said.push(line) });
    assert.deepEqual(
      found.map(({ record }) => record.kind),
      ["agreement"],
    );
    assert.match(
      said.sort().join("\n"),
      /barrier.*study\.json: expected JSON.*\n.*masks.*rows\.jsonl: expected \d+ bytes of/,
    );
    assert.equal(said.length, 2);
  });

  it("finds studies by kind", (t) => {
    const root = temporaryFolder(t);
    written(root, 1);
    openStudy(root, { ...identity, kind: "agreement" }, code).close();
    const kinds = (kind?: string): string[] => findStudies(root, kind).map(({ record }) => record.kind);
    assert.deepEqual(kinds(), ["agreement", "barrier"]);
    assert.deepEqual(kinds("barrier"), ["barrier"]);
    assert.deepEqual(findStudies(join(root, "none")), []);
    assert.equal(studyFolder(root, identity), findStudies(root, "barrier")[0].folder);
  });
});

describe("exportStudy", () => {
  const finished = (root: string): string => {
    const folder = written(root, parts.length);
    const study = open(root);
    study.update({ status: "finished" });
    study.close();
    return folder;
  };

  it("keeps record, rows and chosen arrays in one file, read back like any study", (t) => {
    const [root, results] = [temporaryFolder(t), temporaryFolder(t)];
    assert.throws(() => exportStudy(readStudy(written(root, 1)), results), {
      name: "StoreError",
      message: /expected a finished study/,
    });
    const study = readStudy(finished(root));
    const folder = exportStudy(study, results, { arrays: (name) => name === "x" });
    assert.deepEqual(readdirSync(folder).sort(), ["arrays.safetensors", "rows.jsonl", "study.json"]);
    const [kept] = findStudies(results, "barrier");
    assert.deepEqual(kept.rows(), study.rows());
    for (const part of parts) assert.deepEqual(kept.readArrays(part), study.readArrays(part));
    assert.equal(findStudy(results, identity)?.folder, folder);
    assert.throws(() => kept.readArrays("alpha/9"), /expected arrays of part alpha%2F9, found none/);
  });

  it("keeps no array unless asked, and notices a damaged one", (t) => {
    const [root, results] = [temporaryFolder(t), temporaryFolder(t)];
    const study = readStudy(finished(root));
    const bare = readStudy(exportStudy(study, results));
    assert.deepEqual([...bare.readArrays(parts[0])], [], "left out on purpose");
    assert.throws(() => bare.readArrays(parts[0], ["x"]), DataError);
    const folder = exportStudy(study, results, { arrays: () => true });
    const path = join(folder, "arrays.safetensors");
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(path, bytes);
    assert.throws(() => readStudy(folder).readArrays(parts[0]), /it was damaged since/);
  });
});
