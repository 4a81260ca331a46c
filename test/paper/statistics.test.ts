import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import {
  combined,
  deviationWithin,
  margin,
  mean,
  median,
  permutationTest,
  signFlipTest,
  standardDeviation,
  tQuantile,
} from "spectral-lab/paper/statistics";

const close = (found: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(found - expected) <= tolerance, `${found} is not ${expected}`);

test("mean and standard deviations of small samples", () => {
  close(mean([1, 2, 6]), 3);
  close(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7));
  close(deviationWithin([[1, 3], [10, 12], [7]]), Math.SQRT2);
  for (const value of [standardDeviation([1]), mean([]), deviationWithin([[1], [2]])])
    assert.ok(Number.isNaN(value));
});

test("the median is the middle value, or lies between the middle two", () => {
  close(median([9, 1, 2]), 2);
  close(median([4, 1, 10, 2]), 3);
  assert.ok(Number.isNaN(median([])));
});

test("quantiles of Student's t are those of the printed tables", () => {
  for (const [freedom, quantile] of [
    [1, 12.7062],
    [2, 4.3027],
    [4, 2.7764],
    [5, 2.5706],
    [7, 2.3646],
    [10, 2.2281],
    [30, 2.0423],
    [1000, 1.9623],
  ])
    close(tQuantile(freedom), quantile, 0.003);
});

test("the margin is infinite with one seed, three deviations with few, a t-interval with more", () => {
  assert.equal(margin([5]), Infinity);
  close(margin([1, 3]), 3 * Math.SQRT2);
  close(margin([1, 2, 3, 4]), (tQuantile(3) * Math.sqrt(5 / 3)) / 2);
});

test("margins keep their promise: how often the mean of nothing but noise is above 0 by more", () => {
  const random = randomStream(0, "margins");
  const rate = (seeds: number): number => {
    const draws = Array.from({ length: 4000 }, () => Array.from({ length: seeds }, () => random.normal()));
    return draws.filter((values) => mean(values) > margin(values)).length / draws.length;
  };
  assert.ok(rate(2) < 0.09 && rate(2) > 0.05, "7 %: too few for a test, as the sentence says");
  assert.ok(rate(3) < 0.03);
  for (const seeds of [4, 6, 10]) assert.ok(rate(seeds) < 0.035 && rate(seeds) > 0.015);
});

test("Fisher's combination is uniform for uniform probabilities", () => {
  close(combined([0.05]), 0.05);
  close(combined([0.5, 0.5]), 0.25 * (1 - Math.log(0.25)));
  const random = randomStream(0, "combination");
  const values = Array.from({ length: 4000 }, () =>
    combined(Array.from({ length: 4 }, () => 1 - random.uniform())),
  );
  const below = (level: number): number => values.filter((value) => value <= level).length / 4000;
  close(below(0.05), 0.05, 0.015);
  close(below(0.5), 0.5, 0.03);
});

test("the permutation test is Fisher's exact test for 0 and 1, and counts ties", () => {
  assert.equal(permutationTest([1], [0]), 0.5);
  assert.equal(permutationTest([1, 1, 1], [0, 0, 0]), 1 / 20);
  close(permutationTest([1, 1, 1, 1, 0, 0], [0]), 3 / 7);
  assert.equal(permutationTest([0.1, 0.2], [0.1, 0.2]), 1 - 1 / 6);
  assert.equal(permutationTest([0, 0], [1, 1]), 1);
});

test("the permutation test's false positives, also where arrangements are drawn", () => {
  const random = randomStream(0, "permutations");
  const sample = (count: number): number[] => Array.from({ length: count }, () => random.normal());
  const rate = (count: number, tries: number): number =>
    Array.from({ length: tries }, () => permutationTest(sample(count), sample(count)) <= 0.05).filter(Boolean)
      .length / tries;
  close(rate(4, 600), 3 / 70, 0.025);
  close(rate(9, 40), 0.05, 0.1);
  assert.ok(
    permutationTest(
      sample(9).map((value) => value + 3),
      sample(9),
    ) < 0.001,
  );
});

test("the sign-flip test counts the signs that give as much", () => {
  close(signFlipTest([1, 2, 3]), 1 / 8);
  close(signFlipTest([3, -1, 2]), 2 / 8); // + + +, and the given one
  close(signFlipTest([-1, -1]), 1);
  close(signFlipTest([0, 0]), 1);
  const many = Array.from({ length: 30 }, () => 1);
  assert.ok(signFlipTest(many) < 1e-4);
  const random = randomStream(5, "signs");
  const small = Array.from({ length: 400 }, () =>
    signFlipTest(Array.from({ length: 8 }, () => random.normal())),
  );
  const share = small.filter((p) => p <= 0.05).length / 400;
  assert.ok(share > 0.02 && share < 0.08, `${share} of nulls at 5 %`);
});
