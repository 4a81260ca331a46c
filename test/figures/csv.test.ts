import assert from "node:assert/strict";
import { test } from "node:test";
import { toCsv } from "spectral-lab/figures/csv";

test("CSV quotes what must be quoted and keeps every digit", () => {
  const rows: Record<string, unknown>[] = [
    { name: 'a "b", c', value: 0.1 + 0.2, flag: true },
    { name: "two\nlines", value: NaN, flag: null },
  ];
  const csv = toCsv({ names: ["name", "value", "flag"], total: 2, cell: (name, row) => rows[row][name] });
  assert.equal(csv, 'name,value,flag\r\n"a ""b"", c",0.30000000000000004,true\r\n"two\nlines",NaN,\r\n');
});
