import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { facetNames, facetsText, where, withoutSeed } from "spectral-lab/core/facets";

const table = aq.table({
  task: ["vgg", "lstm", "vgg", "vgg"],
  setting: ["decay", "decay", null, "decay"],
  seed: [0, 0, 0, 1],
  step: [0, 10, 20, 30],
});

test("rows with some values, null among them, in the table's order; of tasks in one setting only the one asked for", () => {
  const steps = (facets: Parameters<typeof where>[1]): unknown[] => [...where(table, facets).array("step")];
  assert.deepEqual(steps({ task: "vgg", setting: "decay" }), [0, 30]);
  assert.deepEqual(steps({ setting: null }), [20]);
  assert.deepEqual(steps({}), [0, 10, 20, 30]);
  assert.deepEqual(steps({ task: "unet" }), []);
  assert.equal(where(table, { seed: 1 }).get("step", 0), 30);
});

test("a column that the table lacks is named, also of an empty table", () => {
  const error = {
    name: "DataError",
    message: 'table: expected a column "label", found task, setting, seed, step',
  };
  assert.throws(() => where(table, { task: "vgg", label: "decay" }), error);
  assert.throws(() => where(table.slice(0, 0), { label: "decay" }), error);
});

test("facets: the columns before step; an experiment's are those without the seed; in words without what is null", () => {
  assert.deepEqual(facetNames(table), ["task", "setting", "seed"]);
  assert.deepEqual(withoutSeed({ task: "vgg", setting: null, seed: 2 }), { task: "vgg", setting: null });
  assert.equal(facetsText({ task: "vgg", setting: null, seed: 2, eta: 0.1 }), "vgg, eta 0.1");
});
