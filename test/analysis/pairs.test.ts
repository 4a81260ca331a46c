import assert from "node:assert/strict";
import { test } from "node:test";
import type { ColumnTable } from "arquero";
import { pairsTable } from "spectral-lab/analysis/pairs";
import { type End, type Invented, invention, TRAINED, UNTRAINED } from "../paper/connectivity-example.js";

const table = (pairs: readonly Invented[]): ColumnTable => {
  const { runs, studies } = invention("vgg", pairs);
  return pairsTable(runs, studies);
};
const branch = (seed: number, order: number, split: number, more: Partial<End> = {}): End => {
  return { seed, order, split, ...more };
};
const pair = (first: End, second: End, more: Partial<Invented> = {}): Invented => {
  return { ends: [first, second], barrier: 0.5, agreement: 0.25, ...more };
};
const row = (pairs: ColumnTable, i = 0): Record<string, unknown> =>
  pairs.object(i) as Record<string, unknown>;

test("what is known of two branches, from three studies and their runs", () => {
  const pairs = table([pair(branch(0, 3, 2), branch(0, 4, 2), { distance: 0.5 })]);
  const found = row(pairs);
  assert.equal(pairs.numRows(), 1);
  const expected = {
    ...{ task: "vgg", setting: null, between: "branches", trunk1: "vgg 0", trunk2: "vgg 0" },
    ...{ seed1: 0, order1: 3, order2: 4, step: 20, epoch: 2, noise: null, eta: null, data: "same" },
    ...{ aligned: false, components: "all", rest: "moves", half: "full", split: "train" },
    ...{ alpha: 0.5, untrained: UNTRAINED, agreementStudy: "vgg 0 agreement", study: "vgg 0 barrier" },
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(found[name], value, name);
  for (const [name, value] of [
    ["barrier", 0.5],
    ["errorBarrier", 0.125],
    ["loss", TRAINED],
    ["agreement", 0.25],
    ["distance", 0.5],
  ] as const)
    // prettier-ignore
    assert.ok(Math.abs(Number(found[name]) - value) < 1e-12, `${name}: ${String(found[name])}`);
});

test("pairs across trunks, at different splits, and of whole runs", () => {
  const pairs = table([
    pair(branch(0, 3, 2), branch(1, 3, 2)),
    pair(branch(0, 3, 0), branch(0, 4, 2)),
    pair({ seed: 0 }, { seed: 1 }),
  ]);
  assert.deepEqual(pairs.array("between"), ["trunks", "branches", "runs"]);
  assert.deepEqual(pairs.array("step"), [20, null, 0]);
  assert.deepEqual(pairs.array("trunk2"), ["vgg 1", "vgg 0", "vgg 1"]);
  assert.deepEqual(pairs.array("distance"), [null, null, null]);
});

test("groups differ in all but the order of examples", () => {
  const pairs = table([
    pair(branch(0, 3, 2), branch(0, 4, 2)),
    pair(branch(0, 3, 2), branch(0, 5, 2)),
    pair(branch(0, 3, 4), branch(0, 4, 4)),
    pair(branch(1, 3, 2), branch(1, 4, 2)),
    pair(branch(0, 3, 2, { part: 1 }), branch(0, 4, 2)),
  ]);
  const groups = pairs.array("group") as string[];
  assert.equal(groups[0], groups[1]);
  assert.equal(new Set(groups).size, 4);
  assert.deepEqual(pairs.array("data"), ["same", "same", "same", "same", "other"]);
});

test("noise of their own and shared noise; other edits are none", () => {
  const edited = (first: string, second: string): Invented =>
    pair(branch(0, 3, 4, { edit: first }), branch(0, 4, 4, { edit: second }));
  const pairs = table([
    edited("perturb:0.25#3", "perturb:0.25#4"),
    edited("perturb:0.25", "perturb:0.25"),
    edited("perturb:0.25", "perturb:0.5"),
    edited("magnitude:0.05", "magnitude:0.05"),
  ]);
  assert.deepEqual(pairs.array("noise"), ["own", "shared", null, null]);
  assert.deepEqual(pairs.array("eta"), [0.25, 0.25, null, null]);
});

test("an aligned pair has the agreement of the aligned networks, the other its own", () => {
  const ends = [{ seed: 0 }, { seed: 1 }] as const;
  const pairs = table([
    { ends, barrier: 2, agreement: 0.1 },
    { ends, barrier: 1, agreement: 0.6, aligned: true },
  ]);
  assert.deepEqual(pairs.array("aligned"), [false, true]);
  const agreements = pairs.array("agreement") as number[];
  assert.ok(Math.abs(agreements[0] - 0.1) < 1e-12 && Math.abs(agreements[1] - 0.6) < 1e-12);
});

test("runs that are not at hand: what the study's record says of them; no studies, no rows", () => {
  const { studies } = invention("vgg", [pair(branch(0, 3, 2), branch(0, 4, 2))]);
  const found = row(pairsTable([], studies));
  assert.deepEqual([found.between, found.untrained, found.order1], ["runs", null, 0]);
  assert.deepEqual(pairsTable([], []).numRows(), 0);
  assert.deepEqual(pairsTable([], [...studies, ...studies]).numRows(), 1, "a study counts once");
});
