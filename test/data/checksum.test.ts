import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readReceipt, writeReceipt } from "spectral-lab/data/checksum";
import { temporaryFolder } from "./temporary.js";

const sha256 = "0".repeat(64);

test("a receipt is read as it was written, and what is none is refused with the field that is wrong", async (t) => {
  const path = join(temporaryFolder(t), "archive");
  assert.equal(await readReceipt(path), undefined);
  const receipt = { source: "a", checkedBy: "md5", files: { "": { bytes: 1, sha256 } } } as const;
  writeReceipt(path, receipt);
  assert.deepEqual(await readReceipt(path), receipt);
  const wrong: [receipt: unknown, says: RegExp][] = [
    [null, /expected an object as "", found null/],
    [{ ...receipt, files: null }, /expected an object as "files", found null/],
    [{ ...receipt, files: { a: null } }, /expected an object as "files\["a"\]"/],
    [
      { ...receipt, files: { a: { bytes: -1, sha256 } } },
      /expected a whole number >= 0 as "files\["a"\]\.bytes"/,
    ],
    [{ ...receipt, files: { a: { bytes: 1, sha256: "x" } } }, /expected 64 hexadecimal digits as/],
    [{ ...receipt, checkedBy: "me" }, /expected one of sha256, md5, form as "checkedBy", found "me"/],
    [{ ...receipt, source: "a".repeat(1_000_000) }, /expected text of at most 5000 characters as "source"/],
  ];
  for (const [value, says] of wrong) {
    writeFileSync(`${path}.json`, JSON.stringify(value));
    await assert.rejects(readReceipt(path), { name: "DataError", message: says });
  }
});
