import assert from "node:assert/strict";
import { test } from "node:test";
import { groupBy } from "spectral-lab/core/group-by";

test("items with equal keys stand together, in the order of their first appearance", () => {
  const groups = groupBy([3, 1, 4, 1, 5, 9, 2, 6], (n) => n % 3);
  assert.deepEqual(
    [...groups],
    [
      [0, [3, 9, 6]],
      [1, [1, 4, 1]],
      [2, [5, 2]],
    ],
  );
  assert.equal(groupBy([], String).size, 0);
});
