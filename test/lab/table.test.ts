import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { frame, tableHtml, tableText } from "spectral-lab/lab/index";
import { columnFormat } from "spectral-lab/lab/format";
import { isTable } from "spectral-lab/lab/table";

const formatted = (values: unknown[], digits?: number): string[] =>
  values.map(columnFormat(values, digits).format);

test("a column has one number of decimals; whole numbers are whole, with thin spaces from 10 000", () => {
  assert.deepEqual(formatted([0.123456, 12.5, null]), ["0.12", "12.50", ""]);
  assert.deepEqual(formatted([0.123456, 0.9]), ["0.1235", "0.9000"]);
  assert.deepEqual(formatted([1, 9999, 1234567, -20000]), [
    "1",
    "9999",
    "1\u202f234\u202f567",
    "\u221220\u202f000",
  ]);
  assert.deepEqual(formatted([1.5, 2.25], 6), ["1.50000", "2.25000"]);
});

test("very small and very large numbers have an exponent; NaN and infinity are written out", () => {
  assert.deepEqual(formatted([0.5, 1e-9, 0]), ["0.5000", "1.00e\u22129", "0.0000"]);
  assert.deepEqual(formatted([2.5e7, 0.5]), ["2.50e7", "1"]);
  assert.deepEqual(formatted([NaN, 0.5, -Infinity]), ["NaN", "0.5000", "\u2212Infinity"]);
  assert.deepEqual(formatted(["a", 1]), ["a", "1"]);
});

test("a long table shows its first and last rows and says how many there are", () => {
  const rows = Array.from({ length: 100 }, (_, i) => ({ step: i, name: `m${i}` }));
  const text = tableText(rows, { rows: 4, caption: "Steps" });
  assert.deepEqual(text.split("\n"), [
    "Steps",
    "step  name",
    "   0  m0",
    "   1  m1",
    "   …  …",
    "  98  m98",
    "  99  m99",
    "4 of 100 rows",
  ]);
  const html = tableHtml(rows, { rows: 4 });
  assert.equal(html.split("<tr>").length - 1, 6);
  assert.match(html, /4 of 100 rows/);
  assert.match(html, /<td style="text-align:right">98<\/td><td style="text-align:left">m98<\/td>/);
});

test("names and cells are escaped", () => {
  const html = tableHtml([{ "<b>": "<script>" }], { caption: "a & b" });
  assert.ok(!/<b>|<script>|a & b/.test(html));
});

test("rows, arquero and danfo tables look the same", () => {
  const rows = [
    { name: "conv", rank: 0.25, size: 3 },
    { name: "fc", rank: 0.5, size: 40000 },
  ];
  const expected = tableText(rows);
  assert.equal(tableText(aq.from(rows)), expected);
  const dataFrame = frame(rows);
  assert.deepEqual(dataFrame.columns, ["name", "rank", "size"]);
  assert.equal(tableText(dataFrame), expected);
  assert.equal(
    tableText(frame(aq.from(rows).filter((row: { rank: number }) => row.rank > 0.3))),
    tableText(rows.slice(1)),
  );
  assert.ok([rows, aq.from(rows), dataFrame, []].every(isTable));
  assert.ok(![null, 3, [3], {}, new Map()].some(isTable));
});

test("named rows of a danfo table keep their names", () => {
  const text = tableText(frame([{ rank: 0.25 }, { rank: 0.75 }]).describe());
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  assert.deepEqual(rows[0], ["rank"]);
  assert.deepEqual(
    rows.find(([name]) => name === "mean"),
    ["mean", "0.500"],
  );
});

test("rows may lack cells, and a table may be empty", () => {
  assert.equal(tableText([{ a: 1 }, { b: 2 }]), "a  b\n1\n   2");
  assert.equal(tableText([]), "");
  assert.doesNotThrow(() => tableHtml([]));
});
