import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { DataError } from "spectral-lab/core/errors";
import { where } from "spectral-lab/core/facets";

const table = aq.table({ task: ["vgg", "vgg", "unet"], decay: [0, 1, 0], mask: [null, "random", null] });

test("rows are those with all the values, compared by identity", () => {
  assert.deepEqual(where(table, { task: "vgg", decay: 1 }).objects(), [
    { task: "vgg", decay: 1, mask: "random" },
  ]);
  assert.equal(where(table, { mask: null }).numRows(), 2);
  assert.equal(where(table, { decay: "1" }).numRows(), 0);
  assert.equal(where(table, {}).numRows(), 3);
});

test("a missing column is named, also in an empty table", () => {
  assert.throws(
    () => where(table, { seed: 0 }),
    new DataError("where: expected a column seed; the table has task, decay, mask"),
  );
  assert.throws(() => where(aq.table({ task: [] }), { seed: 0 }), DataError);
});
