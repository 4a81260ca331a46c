import assert from "node:assert/strict";
import { test } from "node:test";
import { block, mergeRequests, svdKey } from "spectral-lab/train/measure";

test("requests for one matrix are merged into one that serves all", () => {
  const merged = mergeRequests([
    { matrix: "a", left: "none", right: "none" },
    { matrix: "a", left: 100, right: "none" },
    { matrix: "a", left: 10, right: "all" },
    { matrix: "b", left: "none", right: 3 },
    { matrix: "a", rows: [0, 4], left: "none", right: 7 },
  ]);
  assert.equal(merged.size, 3);
  assert.deepEqual(merged.get(svdKey({ matrix: "a" })), { matrix: "a", left: 100, right: "all" });
  assert.deepEqual(merged.get(svdKey({ matrix: "a", rows: [0, 4] }))?.right, 7);
});

test("blocks are the rows and columns they name", () => {
  const matrix = { rows: 3, columns: 4, data: Float32Array.from({ length: 12 }, (_, i) => i) };
  assert.deepEqual([...block(matrix, [1, 3]).data], [4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual(block(matrix, [1, 3], [1, 3]), {
    rows: 2,
    columns: 2,
    data: Float32Array.of(5, 6, 9, 10),
  });
  assert.deepEqual(block(matrix), matrix);
  assert.throws(() => block(matrix, [2, 4]), /rows \[2, 4\).*3 x 4/);
  assert.throws(() => block(matrix, [0, 1], [2, 2]), RangeError);
});
