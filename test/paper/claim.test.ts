import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { DataError } from "spectral-lab/core/errors";
import { bySeed, overSeeds, percent, verdictOf, written, type RunRow } from "spectral-lab/paper/claim";

interface Row extends RunRow {
  readonly matrix: string;
  readonly value: number;
}

const table = aq.from([
  { task: "vgg", decay: 0, seed: 1, step: 5, matrix: "a", value: 4 },
  { task: "vgg", decay: 0, seed: 1, step: 0, matrix: "a", value: 3 },
  { task: "vgg", decay: 0, seed: 0, step: 0, matrix: "a", value: 1 },
  { task: "vgg", decay: 0, seed: 0, step: 0, matrix: "b", value: 2 },
  { task: "vgg", decay: 1, seed: 0, step: 0, matrix: "a", value: 9 },
]);

test("rows of each seed, in the order of steps", () => {
  const rows = bySeed<Row>(table, { task: "vgg", decay: 0 }, ["matrix", "value"], ["matrix"]);
  assert.deepEqual([...rows.keys()].sort(), [0, 1]);
  assert.deepEqual(
    rows.get(1)?.map(({ value }) => value),
    [3, 4],
  );
  assert.deepEqual(rows.get(0), [
    { seed: 0, step: 0, matrix: "a", value: 1 },
    { seed: 0, step: 0, matrix: "b", value: 2 },
  ]);
  assert.equal(bySeed<Row>(table, { task: "unet" }, ["matrix"]).size, 0);
});

test("runs that the facets do not tell apart are not mixed", () => {
  assert.throws(
    () => bySeed<Row>(table, { task: "vgg" }, ["matrix", "value"], ["matrix"]),
    new DataError(
      "claim: expected rows of one run of each seed where vgg; found several for seed 0 at step 0",
    ),
  );
});

test("missing columns are named", () => {
  assert.throws(
    () => bySeed<Row & { rank: number }>(table, { task: "vgg" }, ["rank"]),
    /expected columns seed, step, rank; the table lacks rank/,
  );
});

test("numbers in sentences: spread over seeds, or that there is none", () => {
  assert.equal(overSeeds([0.1]), "0.1 (one seed: no spread)");
  assert.equal(overSeeds([0.1, 0.3]), "0.2 ± 0.141 (2 seeds)");
  assert.equal(overSeeds([0.1, 0.1, 0.3, 0.3], percent), "20 % ± 11.5 % (4 seeds)");
  assert.equal(overSeeds([]), "unknown (no seed)");
  assert.equal(written(19812.4), "19812");
  assert.equal(written(NaN), "unknown");
});

test("a comparison with an unknown number decides nothing", () => {
  const unknown = Number("unknown");
  assert.equal(verdictOf(unknown > 1, unknown <= 1), "undecided");
  assert.equal(verdictOf(true, true), "agrees");
  assert.equal(verdictOf(false, true), "disagrees");
});
