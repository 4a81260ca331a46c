import assert from "node:assert/strict";
import test from "node:test";
import { ConfigError, DataError } from "spectral-lab/core/errors";
import { subset } from "spectral-lab/data/examples";
import { modularAddition } from "spectral-lab/data/modular-addition";
import { describeData } from "spectral-lab/data/provenance";
import { range } from "./temporary.js";

test("every ordered pair is on exactly one side, with its sum", () => {
  const p = 13;
  const { training, validation, provenance } = modularAddition({
    modulus: p,
    trainingFraction: 0.3,
    seed: 5,
  });
  assert.equal(training.count, Math.floor(0.3 * p * p));
  assert.equal(training.count + validation.count, p * p);
  assert.deepEqual([provenance.training, provenance.validation], [training.count, validation.count]);
  const seen = new Set<number>();
  for (const side of [training, validation]) {
    const { tokens, targets } = side.batch(range(side.count));
    assert.deepEqual(tokens.shape, [side.count, 3]);
    for (let i = 0; i < side.count; i++) {
      const [a, b, equals] = Array.from(tokens.data.slice(3 * i, 3 * i + 3), Number);
      assert.equal(equals, p);
      assert.equal(targets.data[i], (a + b) % p);
      seen.add(a * p + b);
    }
  }
  assert.equal(seen.size, p * p);
});

test("the split is a function of the seed", () => {
  const first = (seed: number): number[] => {
    const { training } = modularAddition({ modulus: 31, trainingFraction: 0.5, seed });
    return Array.from(training.batch(range(20)).tokens.data, Number);
  };
  assert.deepEqual(first(1), first(1));
  assert.notDeepEqual(first(1), first(2));
});

test("the fingerprint is the modulus's alone", () => {
  const of = (modulus: number, trainingFraction: number, seed: number): string =>
    modularAddition({ modulus, trainingFraction, seed }).provenance.fingerprint;
  assert.equal(of(31, 0.5, 1), of(31, 0.3, 2));
  assert.notEqual(of(31, 0.5, 1), of(37, 0.5, 1));
  const { provenance } = modularAddition({ modulus: 13, trainingFraction: 0.3, seed: 5 });
  assert.equal(describeData(provenance), "a + b mod 13, 50 pairs");
});

test("a batch follows its indices, and refuses those out of range", () => {
  const { training } = modularAddition({ modulus: 7, trainingFraction: 0.5, seed: 0 });
  const whole = training.batch(range(training.count)).targets.data;
  assert.deepEqual(Array.from(training.batch([4, 2, 4]).targets.data), [whole[4], whole[2], whole[4]]);
  assert.throws(() => training.batch([]), DataError);
  assert.throws(() => training.batch([0, training.count]), /index 1 of the batch.*found 24/);
  assert.throws(() => training.batch([0.5]), DataError);
});

test("settings out of range are refused", () => {
  for (const trainingFraction of [0, 1, -0.1, NaN, 0.001]) {
    assert.throws(() => modularAddition({ modulus: 7, trainingFraction, seed: 0 }), ConfigError);
  }
  assert.throws(() => modularAddition({ modulus: 1.5, trainingFraction: 0.5, seed: 0 }), ConfigError);
});

test("a subset is a fixed choice without repeats", () => {
  const { training } = modularAddition({ modulus: 13, trainingFraction: 0.5, seed: 0 });
  const rows = (examples: typeof training): string[] => {
    const { data } = examples.batch(range(examples.count)).tokens;
    return range(examples.count).map((i) => data.subarray(3 * i, 3 * i + 3).join());
  };
  const small = subset(training, 20);
  assert.equal(small.count, 20);
  assert.equal(new Set(rows(small)).size, 20);
  assert.ok(rows(small).every((row) => rows(training).includes(row)));
  assert.deepEqual(rows(subset(training, 20)), rows(small));
  assert.equal(subset(training, 1000), training);
  const next = subset(training, 20, 1);
  assert.equal(new Set([...rows(small), ...rows(next)]).size, 40, "parts have nothing in common");
  const most = `part 4 of 20 examples each needs 100, found ${training.count}`;
  assert.throws(() => subset(training, 20, 4), { name: "ConfigError", message: new RegExp(most) });
  assert.throws(() => subset(training, 0, 1), ConfigError);
  assert.throws(() => small.batch([20]), DataError);
  assert.throws(() => subset(training, 0), ConfigError);
});
