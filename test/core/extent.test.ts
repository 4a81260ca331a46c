import assert from "node:assert/strict";
import { test } from "node:test";
import { largest, smallest } from "../../src/core/extent.js";

test("extremes of few, no and very many values", () => {
  assert.equal(largest([1, -3, 2]), 2);
  assert.equal(smallest([1, -3, 2]), -3);
  assert.equal(largest([]), -Infinity);
  assert.equal(smallest([]), Infinity);
  assert.ok(Number.isNaN(largest([1, NaN, 2])) && Number.isNaN(smallest([NaN, 2])));
  const many = Float64Array.from({ length: 1_000_000 }, (_, i) => i);
  assert.deepEqual([smallest(many), largest(many)], [0, 999_999]);
});
