import assert from "node:assert/strict";
import { test } from "node:test";
import { batchesOfStep, epochOrder, stepsPerEpoch } from "spectral-lab/train/examples";

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
