import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { any, at, every, within } from "spectral-lab/core/time";
import { identityOf, runId } from "spectral-lab/store/record";
import { readResult } from "spectral-lab/store/results";
import { findRuns } from "spectral-lab/store/find-runs";
import { encodeRow, readRows } from "spectral-lab/store/rows";
import { openRun } from "spectral-lab/store/run";
import { readRun } from "spectral-lab/store/stored-run";
import { openStudy, readStudy } from "spectral-lab/store/study";
import { describeRun, inventedData } from "./description.js";
import { temporaryFolder } from "./temporary-folder.js";

const description = {
  ...describeRun({ task: "toy", config: { steps: 120, name: "toy", fast: true }, defaults: {} as never }),
  order: 4,
  origin: { run: "0123456789ab", step: 10, edit: "magnitude:0.05" },
  data: { ...inventedData, source: "/data", note: "JPEG", of: { set: "MNIST", training: 60000 } },
  coverage: {
    probes: { metrics: any(at("0", "20%", "end"), within("1ep", 5), every("1ep")) },
    evaluated: { train: 90 },
    weights: at("end"),
  },
};

const code = { version: "1.2.3", commit: "abc", clean: true };
const machine = { backend: "wasm", device: "CPU", versions: { node: "20" }, code };

/** A finished run whose record has every field that there is. */
function finished(root: string): string {
  const run = openRun(root, description);
  run.writeArrays(0, new Map([["s", { dtype: "F32", shape: [1], data: Float32Array.of(1) }]]));
  run.appendRows([{ step: 0, value: 1 }]);
  run.update({
    status: "finished",
    finished: new Date().toISOString(),
    step: 10,
    epoch: 2.5,
    stretches: [{ from: 0, to: 10, seconds: 1.5, svd: "WebAssembly", ...machine }],
    fillings: [{ probes: ["spectra"], svd: "WebAssembly", at: new Date().toISOString(), ...machine }],
    timings: { training: 1.5 },
    peakMemory: 1e6,
    failure: "none",
  });
  run.close();
  return run.folder;
}

function finishedStudy(root: string): string {
  const inputs = [{ run: "aaaaaaaaaaaa", task: "vgg", step: 5, seed: 0, edit: "x", data: description.data }];
  const parameters = { points: 5, on: "train", deep: true };
  const study = openStudy(
    root,
    { kind: "barrier", inputs, parameters, defaults: { ...parameters, points: 1 } },
    code,
  );
  study.writePart("a", [{ value: 1 }]);
  const finished = new Date().toISOString();
  study.update({ status: "finished", finished, failure: "none", timings: { computing: 1 }, svd: ["LAPACK"] });
  study.close();
  return study.folder;
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Every place in a record that holds a plain value, and the objects and lists themselves. */
function placesIn(value: Json, place: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [place];
  const inner = Object.entries(value).flatMap(([key, one]) =>
    placesIn(one, [...place, Array.isArray(value) ? Number(key) : key]),
  );
  return place.length === 0 ? inner : [place, ...inner];
}

function at_(value: Json, place: readonly (string | number)[]): Json {
  return place.reduce<Json>((inner, key) => (inner as Record<string | number, Json>)[key], value);
}

/** A copy in which one place holds something else, as the text of JSON. */
function spoiled(record: Json, place: readonly (string | number)[], text: string): string {
  const copy = structuredClone(record) as Record<string | number, Json>;
  const holder = at_(copy as Json, place.slice(0, -1)) as Record<string | number, Json>;
  holder[place.at(-1)!] = "@spoiled@";
  return JSON.stringify(copy).replace('"@spoiled@"', text);
}

const kinds: [file: string, make: (root: string) => string, read: (folder: string) => unknown][] = [
  ["run.json", finished, readRun],
  ["study.json", finishedStudy, readStudy],
];

for (const [file, make, read] of kinds) {
  describe(`every field of ${file}`, () => {
    const script = JSON.stringify("<img src=x onerror=alert(1)>");

    it("is refused where it is of another type, with its name", (t) => {
      const folder = make(temporaryFolder(t));
      const path = join(folder, file);
      const record = JSON.parse(fs.readFileSync(path, "utf8")) as Json;
      let tried = 0;
      for (const place of placesIn(record)) {
        const value = at_(record, place);
        const anyValue =
          ["config", "training", "parameters", "changed"].includes(String(place[0])) && place.length > 1;
        const others = [
          typeof value === "string" ? "1" : script,
          typeof value === "object" ? "true" : "{}",
          Array.isArray(value) ? "{}" : "[]",
          "null",
          "[[[]]]",
          ...(typeof value === "number" ? ["1e999", '"1"', "-1e999"] : []),
        ].filter((text) => !(anyValue && /^[\d"]/.test(text) && !text.includes("e999")));
        for (const text of others) {
          tried++;
          fs.writeFileSync(path, spoiled(record, place, text));
          assert.throws(
            () => read(folder),
            (error: Error) => {
              assert.equal(error.name, "DataError", String(error.stack));
              assert.ok(error.message.startsWith(`${path}: expected `) && error.message.length < 1500);
              return true;
            },
            `${place.join(".")} = ${text}`,
          );
        }
      }
      t.diagnostic(`${tried} records`);
      fs.writeFileSync(path, JSON.stringify(record));
      read(folder);
    });

    it("may be missing only where it may", (t) => {
      const folder = make(temporaryFolder(t));
      const path = join(folder, file);
      const record = JSON.parse(fs.readFileSync(path, "utf8")) as Record<string, Json>;
      const optional = [
        "finished",
        "failure",
        "files",
        "profile",
        "step",
        "epoch",
        "fillings",
        "peakMemory",
        "svd",
      ];
      for (const field of Object.keys(record)) {
        const { [field]: _, ...rest } = record;
        fs.writeFileSync(path, JSON.stringify(rest));
        if (optional.includes(field)) read(folder);
        else assert.throws(() => read(folder), { name: "DataError" }, field);
      }
    });

    it("of a megabyte of text is refused, and the message is short", (t) => {
      const folder = make(temporaryFolder(t));
      const path = join(folder, file);
      const record = JSON.parse(fs.readFileSync(path, "utf8")) as Json;
      const long = JSON.stringify("\u001b[31m".repeat(250_000));
      for (const place of placesIn(record).filter((one) => typeof at_(record, one) === "string")) {
        fs.writeFileSync(path, spoiled(record, place, long));
        assert.throws(
          () => read(folder),
          ({ name, message }: Error) =>
            name === "DataError" && message.length < 1500 && !message.includes("\u001b"),
          place.join("."),
        );
      }
    });

    it("that nobody knows is kept, __proto__ harms nothing, and no depth is followed for ever", (t) => {
      const folder = make(temporaryFolder(t));
      const path = join(folder, file);
      const text = fs.readFileSync(path, "utf8").trimEnd().slice(0, -1);
      fs.writeFileSync(
        path,
        `${text}, "later": {"a": [1, {"b": "<b>"}]}, "__proto__": {"status": "failed", "x": 1}}`,
      );
      const { record } = read(folder) as { record: Record<string, unknown> };
      assert.deepEqual(record.later, { a: [1, { b: "<b>" }] });
      assert.equal(record.status, "finished");
      assert.equal(({} as Record<string, unknown>).x, undefined);
      const depth = 200_000;
      fs.writeFileSync(path, `${text}, "later": ${"[".repeat(depth)}${"]".repeat(depth)}}`);
      assert.throws(() => read(folder), {
        name: "DataError",
        message: /expected at most 100 levels, found more/,
      });
      fs.writeFileSync(path, "[".repeat(depth));
      assert.throws(() => read(folder), { name: "DataError", message: /expected JSON/ });
    });

    it("is read behind the mark that some editors put in front of text", (t) => {
      const folder = make(temporaryFolder(t));
      const path = join(folder, file);
      fs.writeFileSync(path, `\ufeff${fs.readFileSync(path, "utf8")}`);
      read(folder);
    });

    it("is not even read from what is no file, or far too large", (t) => {
      const folder = make(temporaryFolder(t));
      const path = join(folder, file);
      fs.truncateSync(path, 2 ** 31); // a hole: it takes no room
      assert.throws(() => read(folder), {
        name: "DataError",
        message: /expected at most \d+ bytes, found 2147483648/,
      });
      fs.rmSync(path);
      fs.mkdirSync(path);
      assert.throws(() => read(folder), { name: "DataError", message: /expected a file, found a folder/ });
    });
  });
}

describe("names in a record", () => {
  it("that leave the folder are refused: of a task, of kept files", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root);
    const path = join(folder, "run.json");
    const record = JSON.parse(fs.readFileSync(path, "utf8")) as { files: { kept: Record<string, unknown> } };
    const [sum] = Object.values(record.files.kept);
    for (const name of [
      "../x.safetensors",
      "/etc/passwd",
      "steps/../../x.safetensors",
      "steps/a/b.safetensors",
      "x",
    ]) {
      const files = { ...record.files, kept: { ...record.files.kept, [name]: sum } };
      fs.writeFileSync(path, JSON.stringify({ ...record, files }));
      assert.throws(() => readRun(folder), {
        name: "DataError",
        message: /names of files in this folder as "files/,
      });
    }
    const task = "../../elsewhere";
    const id = runId({ ...identityOf(description), task });
    const other = join(root, "toy", id);
    fs.cpSync(folder, other, { recursive: true });
    fs.writeFileSync(join(other, "run.json"), JSON.stringify({ ...record, task, id }));
    assert.throws(() => readRun(other), {
      name: "DataError",
      message: /expected a name of letters.* as "task"/,
    });
  });
});

describe("rows of somebody else", () => {
  const lines: [line: string, says: RegExp][] = [
    ['{"step":"<img src=x>","value":1}', /line 1: expected a whole number >= 0 as "step", found "<img/],
    ['{"step":-1}', /as "step", found -1/],
    ['{"step":1.5}', /as "step", found 1.5/],
    ['{"step":"NaN"}', /as "step", found NaN/],
    ['{"epoch":"1"}', /expected a finite number >= 0 as "epoch", found "1"/],
    ['{"epoch":"Infinity"}', /as "epoch", found Infinity/],
    ['{"depth":null}', /as "depth", found null/],
    ['{"probe":7}', /expected text as "probe", found 7/],
    ['{"matrix":null}', /expected text as "matrix", found null/],
    ['{"contact":true}', /expected text as "contact", found true/],
    ['{"split":1}', /expected text as "split", found 1/],
    [`{"matrix":"${"a".repeat(1_000_000)}"}`, /expected texts of at most 10000 characters, found 1000000/],
    [`{"matrix":"${"a".repeat(5000)}"}`, /expected text of at most 1000 characters as "matrix", found 5000/],
    ['{"value":1e999}', /expected numbers that a double can hold, found another under "value"/],
    ['{"value":{"a":1}}', /expected plain values/],
    ['{"__proto__":{"step":1}}', /expected the name of a column, found "__proto__"/],
    [`{"${"k".repeat(1000)}":1}`, /expected the name of a column/],
  ];
  it("are refused where a known column is of another type, with file and line", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    for (const [line, says] of lines) {
      fs.writeFileSync(path, `${line}\n`);
      assert.throws(
        () => readRows(path),
        ({ name, message }: Error) => {
          assert.equal(name, "DataError");
          assert.match(message, says);
          return message.startsWith(path) && message.length < 500;
        },
      );
    }
  });

  it("may have other columns, and values that are not finite", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    const row = { step: 3, epoch: 0.5, value: NaN, gini: -Infinity, note: "x", flag: true, none: null };
    fs.writeFileSync(path, `${encodeRow(row)}\n`);
    assert.deepEqual(readRows(path).rows, [row]);
  });

  it("are not read where there are more than a text can hold, or from a device", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    fs.writeFileSync(path, "");
    fs.truncateSync(path, 2 ** 30); // a hole: it takes no room
    assert.throws(() => readRows(path), {
      name: "DataError",
      message: /expected at most \d+ bytes of rows, found 1073741824/,
    });
    fs.rmSync(path);
    fs.symlinkSync("/dev/zero", path);
    assert.throws(() => readRows(path), { name: "DataError", message: /expected a file, found a device/ });
  });

  it("cannot be written either", () => {
    assert.throws(() => encodeRow({ step: 0.5 }), {
      name: "DataError",
      message: /row: expected a whole number/,
    });
    assert.throws(() => encodeRow({ text: "a".repeat(20_000) }), { name: "DataError" });
  });
});

describe("a committed result of somebody else", () => {
  it("with names of arrays that are none is refused", (t) => {
    const folder = finished(temporaryFolder(t));
    fs.renameSync(join(folder, "steps/0.safetensors"), join(folder, "arrays.safetensors"));
    const path = join(folder, "run.json");
    const { files: _, ...record } = JSON.parse(fs.readFileSync(path, "utf8")) as Record<string, unknown>;
    fs.writeFileSync(path, JSON.stringify(record));
    assert.throws(() => readResult(folder), {
      name: "DataError",
      message: /names such as "20\/alignment\/a", found "s"/,
    });
  });

  it("is none of ours: all of these pass", () => {
    const said: string[] = [];
    const found = findRuns("data/results", { onLeftOut: (line) => said.push(line) });
    assert.deepEqual(said, []);
    assert.ok(found.length >= 25);
    for (const run of found) assert.ok(run.rows().length > 0 && run.record.files);
  });
});
