import assert from "node:assert/strict";
import { test } from "node:test";
import { fitsOf } from "spectral-lab/analysis/spectrum-fits";

test("singular values below the decomposition's accuracy count as 0", () => {
  const [exact, rounded] = [
    [5, 3, 2, 0, 0, 0],
    [5, 3, 2, 1e-8, 3e-9, 1e-9],
  ].map((s) => fitsOf(Float64Array.from(s), 24, 6));
  assert.deepEqual(rounded, exact);
  assert.equal(exact.alphaTail, 3);
  assert.equal(exact.mpAbove, 3); // the bulk is the zeros
});

test("a zero matrix has no fits, one of rank 1 no tail", () => {
  assert.deepEqual(new Set(Object.values(fitsOf(new Float64Array(3), 3, 3))), new Set([NaN]));
  const { alpha, alphaTail, mpAbove } = fitsOf(Float64Array.from([2, 0, 0, 0, 0, 0]), 6, 6);
  assert.deepEqual([alpha, alphaTail, mpAbove], [NaN, NaN, 1]);
});
