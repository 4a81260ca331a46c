import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { SpectrumError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { count90, effectiveRank, entropyRank, gini, stableRank } from "spectral-lab/linalg/spectrum";

const MEASURES = { effectiveRank, entropyRank, count90, stableRank, gini };

function near(actual: number, expected: number, relative = 1e-12): void {
  assert.ok(
    Math.abs(actual - expected) <= relative * Math.max(1, Math.abs(expected)),
    `${actual} is not ${expected}`,
  );
}

/** A falling random spectrum. */
function spectrum(n: number, decay: number): Float64Array {
  const random = randomStream(n, `spectrum/${decay}`);
  return Float64Array.from({ length: n }, (_, i) => random.uniform(0.5, 1) * Math.exp(-decay * i))
    .sort()
    .reverse();
}

test("equal singular values", () => {
  for (const n of [1, 2, 7, 100]) {
    const s = new Float64Array(n).fill(0.3);
    near(effectiveRank(s), 1);
    near(entropyRank(s), Math.log(n) / n);
    near(stableRank(s), 1);
    near(gini(s), 0);
    near(count90(s), Math.min(n, Math.floor(0.9 * n + 1e-9) + 1) / n);
  }
});

test("one singular value among zeros", () => {
  const s = [5, 0, 0, 0];
  near(effectiveRank(s), 1 / 4);
  near(entropyRank(s), 0);
  near(stableRank(s), 1 / 4);
  near(count90(s), 1 / 4);
  near(gini(s), 3 / 4);
});

test("a spectrum worked out by hand", () => {
  const s = [4, 2, 1, 1]; // p = 1/2, 1/4, 1/8, 1/8
  const entropy = 1.75 * Math.LN2;
  near(effectiveRank(s), Math.exp(entropy) / 4);
  near(entropyRank(s), entropy / 4);
  near(stableRank(s), 22 / 16 / 4);
  near(count90(s), 1); // 0.875 is not above 0.9
  near(gini(s), (2 + 3 + 3 + 1 + 1 + 0) / (4 * 8)); // |differences| of the pairs, twice, over n^2 times twice the mean
});

test("measures ignore scale, change nothing and stay in their ranges", () => {
  for (const n of [1, 3, 50]) {
    for (const decay of [0, 0.1, 1]) {
      const s = spectrum(n, decay);
      const before = s.slice();
      for (const [name, measure] of Object.entries(MEASURES)) {
        const value = measure(s);
        for (const scale of [1e-30, 1e-6, 7, 1e30]) near(measure(s.map((x) => x * scale)), value, 1e-10);
        near(measure(Array.from(s)), value);
        const [low, high] = { entropyRank: [0, Math.log(n) / n], gini: [0, 1 - 1 / n] }[name] ?? [1 / n, 1];
        assert.ok(value >= low - 1e-15 && value <= high + 1e-15, `${name} of ${n} values: ${value}`);
      }
      assert.deepEqual(s, before);
    }
  }
});

test("faster decay, lower rank and higher Gini index", () => {
  const [flat, steep] = [0.01, 0.3].map((decay) =>
    Float64Array.from({ length: 60 }, (_, i) => Math.exp(-decay * i)),
  );
  for (const measure of [effectiveRank, entropyRank, count90, stableRank])
    assert.ok(measure(steep) < measure(flat));
  assert.ok(gini(steep) > gini(flat));
});

test("what is no spectrum is an error that names the measure", () => {
  for (const [name, measure] of Object.entries(MEASURES)) {
    for (const [s, words] of [
      [[], "at least one singular value, found none"],
      [[1, NaN], "found NaN at index 1"],
      [[Infinity], "found Infinity at index 0"],
      [[2, 1, -1], "found -1 at index 2"],
      [[0, 0], "all 2 singular values are 0"],
    ] as [number[], string][]) {
      assert.throws(
        () => measure(s),
        (error) =>
          error instanceof SpectrumError && error.message.startsWith(name) && error.message.includes(words),
      );
    }
  }
});

test("ranks of trained weights, from the authors' code", () => {
  let compared = 0;
  const { models } = JSON.parse(readFileSync(resolve("test/models/fixtures/golden-7.json"), "utf8")) as {
    models: { spectra: Record<string, Record<keyof typeof MEASURES, number> & { s: number[] }> }[];
  };
  for (const { spectra } of models) {
    for (const golden of Object.values(spectra)) {
      for (const name of ["effectiveRank", "entropyRank", "count90", "stableRank"] as const) {
        near(MEASURES[name](golden.s), golden[name], 1e-8); // theirs adds 1e-10 to s
      }
      compared++;
    }
  }
  assert.ok(compared > 50);
});
