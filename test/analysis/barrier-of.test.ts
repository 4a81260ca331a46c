import assert from "node:assert/strict";
import { test } from "node:test";
import { barrierOf } from "spectral-lab/analysis/barrier-of";

test("the barrier is the largest rise above the line between the ends, and says where", () => {
  // The line has 1, 1.5, 2, 2.5, 3; the curve rises above it by 0.25, 1, -1.5.
  assert.deepEqual(barrierOf([0, 0.25, 0.5, 0.75, 1], [1, 1.75, 3, 1, 3]), {
    barrier: 1,
    alpha: 0.5,
    first: 1,
    last: 3,
  });
});

test("the ends themselves do not count: below the line it is negative", () => {
  assert.deepEqual(barrierOf([0, 0.5, 1], [4, 1, 2]), { barrier: -2, alpha: 0.5, first: 4, last: 2 });
});

test("of a curve with a NaN it is NaN", () => {
  assert.deepEqual(barrierOf([0, 0.5, 1], [4, NaN, 2]), { barrier: NaN, alpha: NaN, first: 4, last: 2 });
});

test("other points are refused", () => {
  const wrong: [number[], number[]][] = [
    [
      [0, 1],
      [1, 2],
    ],
    [
      [0, 0.5, 0.9],
      [1, 2, 3],
    ],
    [
      [0, 0.6, 0.5, 1],
      [1, 2, 3, 4],
    ],
    [
      [0, 0.5, 1],
      [1, 2],
    ],
  ];
  for (const [alphas, values] of wrong) {
    assert.throws(() => barrierOf(alphas, values), /expected values at alphas that rise from 0 to 1/);
  }
});
