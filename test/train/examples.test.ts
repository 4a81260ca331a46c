import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import {
  batchesOfStep,
  epochOrder,
  type Examples,
  sampleOf,
  stepsPerEpoch,
} from "spectral-lab/train/examples";

const cases = [
  { count: 10, batchSize: 3 },
  { count: 10, batchSize: 5 },
  { count: 10, batchSize: 100 },
  { count: 11, batchSize: 2, accumulation: 3 },
  { count: 12, batchSize: 2, accumulation: 3 },
  { count: 1, batchSize: 1, accumulation: 4 },
];

test("the steps of an epoch visit every example exactly once", () => {
  for (const { count, ...batching } of cases) {
    const order = epochOrder(count, batching.batchSize, 7, 0);
    const steps = stepsPerEpoch(count, batching);
    const seen = Array.from({ length: steps }, (_, step) => batchesOfStep(order, batching, step)).flat();
    assert.ok(seen.every((batch) => batch.length > 0 && batch.length <= batching.batchSize));
    assert.deepEqual(
      seen.flatMap((batch) => [...batch]).sort((a, b) => a - b),
      Array.from({ length: count }, (_, i) => i),
    );
    assert.equal(batchesOfStep(order, batching, steps).length, 0);
  }
});

test("the order is a function of seed and epoch", () => {
  assert.deepEqual(epochOrder(100, 10, 1, 3), epochOrder(100, 10, 1, 3));
  assert.notDeepEqual(epochOrder(100, 10, 1, 3), epochOrder(100, 10, 1, 4));
  assert.notDeepEqual(epochOrder(100, 10, 1, 3), epochOrder(100, 10, 2, 3));
});

test("a full batch keeps the order of the data", () => {
  assert.deepEqual([...epochOrder(4, 4, 1, 3)], [0, 1, 2, 3]);
});

test("a sample is drawn from all examples, once for all runs, and all of them where there are no more", () => {
  const examples: Examples<readonly number[]> = { count: 1000, batch: (indices) => [...indices] };
  const batch = ({ count, batch: of }: typeof examples): readonly number[] =>
    of(
      Int32Array.from({ length: count }, (_, i) => i),
      randomStream(0, "none"),
    );
  const drawn = batch(sampleOf(examples, 100));
  assert.equal(new Set(drawn).size, 100);
  assert.deepEqual(
    drawn,
    [...drawn].sort((a, b) => a - b),
  );
  assert.deepEqual(batch(sampleOf(examples, 100)), drawn);
  for (let tenth = 0; tenth < 10; tenth++) {
    const share = drawn.filter((i) => Math.floor(i / 100) === tenth).length;
    assert.ok(share > 1 && share < 25, `${share} of examples ${100 * tenth} to ${100 * tenth + 99}`);
  }
  assert.equal(sampleOf(examples, 1000), examples);
  assert.equal(sampleOf(examples, Infinity), examples);
});
