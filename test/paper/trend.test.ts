import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { trendTest } from "spectral-lab/paper/trend";

const close = (found: number, expected: number): void =>
  assert.ok(Math.abs(found - expected) < 1e-12, `${found} is not ${expected}`);

test("the share of all orders that fall as much, by hand", () => {
  close(trendTest([[3, 2, 1]]), 1 / 6);
  close(trendTest([[3, 1, 2]]), 3 / 6); // one order with all three pairs falling, two with two
  close(trendTest([[1, 2, 3]]), 1);
  close(trendTest([[2, 1]]), 1 / 2);
  close(trendTest([[4, 3, 2, 1]]), 1 / 24);
});

test("series are independent: all must fall for the smallest probability", () => {
  close(trendTest([[2, 1], [9, 3]]), 1 / 4); // prettier-ignore
  close(trendTest([[2, 1], [3, 9]]), 3 / 4); // prettier-ignore
  close(trendTest([[4, 3, 2, 1], [8, 7, 6, 5], [3, 2, 1, 0]]), 24 ** -3); // prettier-ignore
});

test("equal values neither rise nor fall; a single value says nothing", () => {
  close(trendTest([[1, 1, 1]]), 1);
  close(trendTest([[2, 1, 1]]), 1 / 3);
  close(trendTest([[2, 1], [5]]), 1 / 2); // prettier-ignore
  assert.ok(Number.isNaN(trendTest([[5], []])));
  assert.ok(Number.isNaN(trendTest([])));
});

test("where order is chance, probabilities of at most 5 % are found in at most 5 %", () => {
  const random = randomStream(1, "trend");
  let found = 0;
  for (let i = 0; i < 1000; i++) {
    const series = [0, 1, 2].map(() => [0, 1, 2, 3].map(() => random.normal()));
    if (trendTest(series) <= 0.05) found++;
  }
  assert.ok(found > 15 && found <= 65, `${found} of 1000`);
});
