import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "spectral-lab/core/errors";
import { at } from "spectral-lab/optim/optimiser";
import { cosinePerEpoch, milestones, warmupConstant, warmupCosine } from "spectral-lab/optim/schedules";

test("a number is a constant schedule", () => {
  assert.equal(at(0.3, 0), 0.3);
  assert.equal(at(0.3, 999), 0.3);
  assert.equal(
    at((step) => 2 * step, 4),
    8,
  );
});

test("warm-up and cosine: rises to the peak, never dips at the end of warm-up, falls to the floor", () => {
  const rate = warmupCosine({ peak: 2, warmup: 200, total: 6660, floor: 0.1 });
  assert.equal(rate(0), 0);
  assert.equal(rate(100), 1);
  assert.equal(rate(200), 2);
  for (let step = 201; step < 7000; step++)
    assert.ok(rate(step) <= rate(step - 1) && rate(step) >= 0.2, `${step}`);
  for (let step = 1; step < 6000; step++)
    assert.ok(Math.abs(rate(step) - rate(step - 1)) <= 0.0100001, `${step}`);
  assert.equal(rate(6660), 0.2);
});

test("warm-up, then constant", () => {
  const rate = warmupConstant({ peak: 1, warmup: 10 });
  assert.deepEqual([0, 5, 10, 1000].map(rate), [0, 0.5, 1, 1]);
  assert.equal(warmupConstant({ peak: 1, warmup: 0 })(0), 1);
});

test("the cosine per epoch is constant inside an epoch and ends at 0", () => {
  const rate = cosinePerEpoch({ peak: 1, epochs: 4, stepsPerEpoch: 3 });
  const expected = [0, 1, 2, 3, 4, 4].map((epoch) => (1 + Math.cos((Math.PI * epoch) / 4)) / 2);
  for (let step = 0; step < 18; step++) {
    assert.ok(Math.abs(rate(step) - expected[Math.floor(step / 3)]) < 1e-12);
  }
});

test("milestones multiply the rate from their step on", () => {
  const rate = milestones({ initial: 0.1, at: [10, 20] });
  [0.1, 0.1, 0.01, 0.01, 0.001].forEach((expected, i) => {
    assert.ok(Math.abs(rate([0, 9, 10, 19, 20][i]) - expected) < 1e-12);
  });
});

test("lengths that make no sense are configuration errors", () => {
  for (const make of [
    () => warmupConstant({ peak: 1, warmup: -1 }),
    () => warmupCosine({ peak: 1, warmup: 0.5, total: 10 }),
    () => warmupCosine({ peak: 1, warmup: 0, total: 0 }),
    () => cosinePerEpoch({ peak: 1, epochs: 0, stepsPerEpoch: 1 }),
    () => cosinePerEpoch({ peak: 1, epochs: 1, stepsPerEpoch: NaN }),
  ]) {
    assert.throws(make, ConfigError);
  }
});
