import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";

const draws = (seed: number, name: string, n: number): number[] => {
  const random = randomStream(seed, name);
  return Array.from({ length: n }, () => random.uint32());
};

test("a stream is a function of seed and name", () => {
  assert.deepEqual(draws(0, "init/w", 100), draws(0, "init/w", 100));
  assert.notDeepEqual(draws(0, "init/w", 4), draws(1, "init/w", 4));
  assert.notDeepEqual(draws(0, "init/w", 4), draws(0, "init/v", 4));
});

test("streams do not change between releases", () => {
  assert.deepEqual(draws(0, "golden", 4), [4116478314, 3693826260, 91213803, 3284614504]);
});

test("uniform draws have the moments of the uniform distribution", () => {
  const random = randomStream(3, "uniform");
  const x = Array.from({ length: 100_000 }, () => random.uniform(-2, 4));
  const mean = x.reduce((a, b) => a + b) / x.length;
  const variance = x.reduce((a, b) => a + (b - mean) ** 2, 0) / x.length;
  assert.ok(Math.abs(mean - 1) < 0.02, `mean ${mean}`);
  assert.ok(Math.abs(variance - 3) < 0.05, `variance ${variance}`);
  assert.ok(Math.min(...x) >= -2 && Math.max(...x) < 4);
});

test("normal draws have the moments of the normal distribution", () => {
  const random = randomStream(4, "normal");
  const x = Array.from({ length: 100_000 }, () => random.normal(5, 2));
  const moment = (k: number): number => x.reduce((a, b) => a + ((b - 5) / 2) ** k, 0) / x.length;
  assert.ok(Math.abs(moment(1)) < 0.02);
  assert.ok(Math.abs(moment(2) - 1) < 0.02);
  assert.ok(Math.abs(moment(3)) < 0.05);
  assert.ok(Math.abs(moment(4) - 3) < 0.1);
});

test("integers are uniform below any bound, and the bound is checked", () => {
  const random = randomStream(5, "integer");
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++;
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${counts}`);
  assert.equal(random.integer(1), 0);
  for (const bound of [0, -1, 1.5, 2 ** 32 + 1, NaN]) assert.throws(() => random.integer(bound), RangeError);
});

test("a permutation holds every index once, and differs from stream to stream", () => {
  const order = randomStream(6, "order/epoch/0").permutation(1000);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  assert.notDeepEqual(order, randomStream(6, "order/epoch/1").permutation(1000));
  assert.equal(randomStream(6, "empty").permutation(0).length, 0);
});
