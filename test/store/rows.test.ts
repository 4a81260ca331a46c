import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { appendRows, encodeRow, readRows, truncateRows, type Row } from "spectral-lab/store/rows";
import { temporaryFolder, tinyDisk } from "./temporary-folder.js";

const rows: Row[] = [
  { step: 0, metric: "loss", value: 4.727387818711341, done: false, note: null },
  { step: 1, metric: 'a "quoted"\nline é', value: NaN },
  { step: 2, value: Infinity, other: -Infinity, tiny: 5e-324, big: -1.7976931348623157e308 },
];

describe("rows", () => {
  it("come back as they were, over several appends", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    assert.deepEqual(readRows(path), { rows: [], bytes: 0, tornBytes: 0 });
    appendRows(path, rows.slice(0, 1));
    appendRows(path, []);
    appendRows(path, rows.slice(1));
    assert.deepEqual(readRows(path), { rows, bytes: fs.statSync(path).size, tornBytes: 0 });
  });

  it("are one line of strict JSON each, with numbers beyond JSON as text", () => {
    assert.equal(encodeRow({ a: 1, b: NaN, c: -Infinity }), '{"a":1,"b":"NaN","c":"-Infinity"}');
  });

  it("may hold no text that would come back as a number, and nothing nested or absent", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    for (const value of ["NaN", "Infinity", undefined, [1], {}, 1n]) {
      const row = { step: 1, value } as unknown as Row;
      assert.throws(
        () => appendRows(path, [{ step: 0 }, row]),
        /row field "value": expected a number, text, boolean/,
      );
    }
    assert.equal(fs.existsSync(path), false);
  });

  it("ignores and counts a torn last line, wherever it was cut", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    const whole = rows.map((row) => `${encodeRow(row)}\n`);
    const full = Buffer.from(whole.join(""));
    const before = Buffer.byteLength(whole[0] + whole[1]);
    for (let size = before; size < full.length; size++) {
      fs.writeFileSync(path, full.subarray(0, size));
      assert.deepEqual(readRows(path), { rows: rows.slice(0, 2), bytes: before, tornBytes: size - before });
    }
  });

  it("names the file and line of damage", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    for (const line of ["{", "", "[1]", "5", "null", '{"a":{}}', '{"a":1}{"b":2}', "\0\0\0"]) {
      fs.writeFileSync(path, `{"a":1}\n${line}\n{"a":2}\n`);
      assert.throws(() => readRows(path), { name: "DataError", message: /rows\.jsonl line 2: expected/ });
    }
    assert.throws(() => readRows(join(path, "..")), { name: "StoreError", message: /cannot read .*EISDIR/ });
  });

  it("are cut back to a length that ends a line", (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    truncateRows(path, 0);
    appendRows(path, rows.slice(0, 2));
    const { bytes } = readRows(path);
    appendRows(path, rows.slice(2));
    truncateRows(path, bytes);
    assert.deepEqual(readRows(path), { rows: rows.slice(0, 2), bytes, tornBytes: 0 });
    assert.throws(() => truncateRows(path, bytes + 1), /expected at least \d+ bytes of rows, found/);
    assert.throws(() => truncateRows(path, bytes - 1), /expected a line to end at byte/);
  });

  it("stay whole on a full disk", (t) => {
    const disk = tinyDisk(t);
    if (disk === undefined) return;
    const path = join(disk.folder, "rows.jsonl");
    const many = Array.from({ length: 300 }, (_, step) => ({ step, value: step / 3 }));
    let appended = 0;
    const fill = (): void => {
      for (; appended < 100; appended++) appendRows(path, many);
    };
    assert.throws(fill, {
      name: "StoreError",
      message: /cannot append to .*rows\.jsonl: the disk is full \(ENOSPC\)/,
    });
    assert.ok(appended > 0);
    const { rows: kept, tornBytes } = readRows(path);
    assert.deepEqual([kept.length, tornBytes], [300 * appended, 0]);
  });

  const hasPython = spawnSync("python3", ["-c", "import json"]).status === 0;
  it("are read by Python's json and float", { skip: !hasPython && "python3 is absent" }, (t) => {
    const path = join(temporaryFolder(t), "rows.jsonl");
    appendRows(path, rows);
    const script =
      "import json, sys; print([float(json.loads(line)['value']) for line in open(sys.argv[1])])";
    const out = execFileSync("python3", ["-c", script, path], { encoding: "utf8" });
    assert.equal(out.trim(), "[4.727387818711341, nan, inf]");
  });
});
