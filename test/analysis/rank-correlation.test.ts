import assert from "node:assert/strict";
import { test } from "node:test";
import {
  correlation,
  partialRankCorrelation,
  rankCorrelation,
  rankCorrelationWithin,
  ranksOf,
} from "spectral-lab/analysis/rank-correlation";
import { randomStream } from "spectral-lab/core/random";

const near = (found: number, expected: number, within = 1e-12): void =>
  assert.ok(Math.abs(found - expected) <= within, `${found}, expected ${expected}`);

test("equal values share the mean of their ranks", () => {
  assert.deepEqual(ranksOf([10, 30, 10, 20]), [1.5, 4, 1.5, 3]);
  assert.deepEqual(ranksOf([2, 2, 2]), [2, 2, 2]);
  assert.deepEqual(ranksOf([]), []);
});

test("rank correlation: order alone counts; by hand, and with ties", () => {
  near(rankCorrelation([1, 2, 3], [0.1, 1e6, 1e9]), 1);
  near(rankCorrelation([1, 2, 3], [5, 4, -9]), -1);
  // 1 - 6 sum d^2 / (n (n^2 - 1)) with d = 1, 1, 1, 1, 0
  near(rankCorrelation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]), 1 - (6 * 4) / (5 * 24));
  // ranks 1.5, 1.5, 3 against 1, 2, 3: covariance 1.5, variances 1.5 and 2
  near(rankCorrelation([0, 0, 1], [1, 2, 3]), 1.5 / Math.sqrt(1.5 * 2));
  assert.ok(Number.isNaN(rankCorrelation([1, 1], [1, 2])));
  assert.ok(Number.isNaN(rankCorrelation([], [])));
});

test("weights count entries several times", () => {
  const [x, y] = [
    [1, 4, 2],
    [3, 1, 9],
  ];
  near(correlation(x, y, [2, 1, 3]), correlation([1, 1, 4, 2, 2, 2], [3, 3, 1, 9, 9, 9]));
});

test("a common cause explains a correlation away, and does not where there is another", () => {
  const random = randomStream(1, "partial");
  const clock = Array.from({ length: 400 }, (_, i) => i);
  const noisy = (scale: number): number[] => clock.map((t) => t + random.normal(0, scale));
  const [x, y] = [noisy(60), noisy(60)];
  assert.ok(rankCorrelation(x, y) > 0.5);
  assert.ok(Math.abs(partialRankCorrelation(x, y, clock)) < 0.15);
  const z = x.map((value) => -value + random.normal(0, 5));
  assert.ok(partialRankCorrelation(x, z, clock) < -0.9);
  assert.ok(Number.isNaN(partialRankCorrelation(clock, y, clock)));
});

test("within groups what differs between them has no part", () => {
  near(rankCorrelationWithin([[[1, 2, 3], [6, 5, 4]], [[90, 80], [10, 11]]]), -1); // prettier-ignore
  // against the trend between the groups, and without a say of a group of one
  near(rankCorrelationWithin([[[1, 2], [5, 6]], [[11, 12], [1, 2]], [[0], [99]]]), 1); // prettier-ignore
  assert.ok(Number.isNaN(rankCorrelationWithin([[[1], [2]]])));
});
