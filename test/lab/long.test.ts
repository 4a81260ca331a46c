import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { lossCurves, rankHeatmap } from "spectral-lab/figures/panels";
import { toSvg } from "spectral-lab/figures/static";
import { drawGrid } from "spectral-lab/figures/grid";
import { tableHtml, tableText } from "spectral-lab/lab/index";
import { sparkline } from "spectral-lab/lab/progress-html";

const MANY = 130_000;

test("a table of 130,000 rows is shown in part and says so; all of it can be asked for", () => {
  const rows = Array.from({ length: MANY }, (_, i) => ({ matrix: `m${i}`, rank: i / MANY }));
  assert.match(tableHtml(rows), /12 of 130000 rows/);
  assert.equal(tableText(rows, { rows: MANY }).split("\n").length, MANY + 1);
});

test("a table of 1,000 columns shows the first and says so", () => {
  const row = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`c${i}`, i]));
  assert.match(tableText([row]), /\n60 of 1000 columns$/);
});

test("a heat map of 130,000 matrices draws 400 of them, says so, and keeps first and last", async () => {
  const depth = Array.from({ length: MANY }, (_, i) => i);
  const of = (value: number): number[] => depth.map(() => value);
  const ranks = aq.table({ seed: of(0), step: of(0), epoch: of(0), matrix: depth.map((i) => `m${i}`), depth, effectiveRank: of(0.5) }); // prettier-ignore
  const panel = rankHeatmap(ranks)!;
  const { y, z } = panel.traces[0] as unknown as { y: string[]; z: number[][] };
  assert.deepEqual([y.length, z.length, y[0], y[399]], [400, 400, "m0", "m129999"]);
  assert.equal(panel.y.title, "depth (400 of 130000)");
  assert.deepEqual([panel.y.ticks?.text[0], panel.y.ticks?.text.at(-1)], ["1", "130000"]);
  const grid = { description: "", panels: [[panel]], keys: "rows", link: "rows", xTitle: "epoch" } as const;
  assert.match(await toSvg(drawGrid(grid)), /depth \(400 of 130000\)/);
});

test("a curve of 130,000 moments and a sparkline of as many values are drawn", () => {
  const moment = (step: number): object => ({ seed: 0, step, epoch: step, split: "train", metric: "loss", variant: "full", value: 1 + step }); // prettier-ignore
  const rows = aq.from(Array.from({ length: MANY }, (_, step) => moment(step)));
  const curve = { name: "train", color: "#0072B2", split: "train", metric: "loss" };
  assert.deepEqual(lossCurves(rows, [curve], { type: "log" })?.x.range, [0, MANY - 1]);
  assert.match(sparkline(Array.from({ length: MANY }, (_, i) => i)), /polyline/);
});

test("odd values are shown as they are, and nothing throws", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const rows = [
    { a: NaN, b: -Infinity, c: null, d: 10n ** 80n, e: "x".repeat(1e6), f: { big: 3n }, g: circle },
    { a: 0.5, b: 1, c: undefined, d: 1n, e: "", f: [1, null], g: -0 },
  ];
  const text = tableText(rows);
  for (const shown of [
    "NaN",
    "\u2212Infinity",
    `1${"0".repeat(80)}`,
    `${"x".repeat(300)}…`,
    '{"big":"3"}',
    "[object Object]",
  ])
    assert.ok(text.includes(shown), shown);
  assert.ok(text.length < 5000);
  assert.doesNotThrow(() => tableHtml(rows));
});
