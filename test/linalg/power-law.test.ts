import assert from "node:assert/strict";
import { test } from "node:test";
import { SpectrumError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { fitPowerLaw, type PowerLaw } from "spectral-lab/linalg/power-law";

const near = (actual: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

/** Independent draws of a power law with densities x^-alpha from `xmin` on. */
function pareto(count: number, alpha: number, xmin = 1, seed = 1): Float64Array {
  const random = randomStream(seed, `pareto/${alpha}`);
  return Float64Array.from({ length: count }, () => xmin * random.uniform(0, 1) ** (-1 / (alpha - 1)));
}

/** The definition, word by word. */
function everyXmin(values: Float64Array, twoSided: boolean): PowerLaw {
  const rising = values.slice().sort();
  const fits = [...rising.keys()].slice(0, -1).map((start) => {
    const tail = rising.subarray(start);
    const alpha = 1 + tail.length / tail.reduce((sum, x) => sum + Math.log(x / tail[0]), 0);
    const distance = tail.reduce((most, x, i) => {
      const law = 1 - (x / tail[0]) ** (1 - alpha);
      const steps = twoSided ? [i, i + 1] : [i];
      return Math.max(most, ...steps.map((step) => Math.abs(law - step / tail.length)));
    }, 0);
    return { alpha, xmin: tail[0], distance, tail: tail.length };
  });
  const [best, second] = fits.sort((a, b) => a.distance - b.distance);
  return { ...best, runnerUp: second.distance };
}

test("two and three values by hand", () => {
  // One choice of xmin: alpha = 1 + 2 / ln 2; the law has 1 - 2^(-2 / ln 2) = 1 - e^-2 at 2, the step 1/2.
  const two = fitPowerLaw([1, 2])!;
  near(two.alpha, 1 + 2 / Math.LN2);
  near(two.distance, 0.5 - Math.exp(-2));
  assert.deepEqual([two.xmin, two.tail, two.runnerUp], [1, 2, Infinity]);
  const both = fitPowerLaw([2, 1], { twoSided: true })!;
  near(both.distance, 0.5); // at 1: the law has 0, the upper step 1/2
  // xmin 1: alpha = 1 + 3 / ln 8 = 1 + 1 / ln 2, law 1 - 1/e and 1 - 1/e^2 against 1/3 and 2/3.
  const three = fitPowerLaw([1, 2, 4])!;
  near(three.distance, 2 / 3 - Math.exp(-1));
  near(three.runnerUp, 0.5 - Math.exp(-2));
  near(three.alpha, 1 + 1 / Math.LN2);
});

test("the shortened scan gives what every xmin gives, whatever the distribution", () => {
  const random = randomStream(5, "power-law");
  const spectra = [
    pareto(300, 2.5),
    Float64Array.from({ length: 257 }, () => Math.abs(random.normal())),
    Float64Array.from({ length: 100 }, (_, i) => Math.exp(-i / 9)),
    pareto(64, 4).map((x, i) => (i % 2 === 0 ? x : x / 10)),
  ];
  for (const values of spectra) {
    for (const twoSided of [false, true]) {
      const [found, expected] = [fitPowerLaw(values, { twoSided })!, everyXmin(values, twoSided)];
      for (const field of ["alpha", "xmin", "distance", "tail", "runnerUp"] as const)
        near(found[field], expected[field], 1e-9 * expected[field]);
    }
  }
});

test("a planted exponent is found, at any scale, and below it another law", () => {
  for (const alpha of [1.7, 2.5, 4]) {
    const { alpha: found, tail } = fitPowerLaw(pareto(4000, alpha))!;
    near(found, alpha, (4 * (alpha - 1)) / Math.sqrt(tail)); // standard error (alpha - 1) / sqrt(n)
  }
  const random = randomStream(2, "body");
  const body = Array.from({ length: 3000 }, () => random.uniform(0, 1));
  const values = [...body, ...pareto(1000, 2.5)];
  const fit = fitPowerLaw(values)!;
  near(fit.alpha, 2.5, 0.2);
  near(fit.xmin, 1, 0.15);
  const scaled = fitPowerLaw(values.map((x) => 1024 * x))!;
  near(scaled.alpha, fit.alpha, 1e-9);
  near(scaled.xmin, 1024 * fit.xmin, 1e-9);
});

test("10,000 values take no square of time", () => {
  const started = performance.now();
  const { alpha } = fitPowerLaw(pareto(10_000, 2.5, 1, 3))!;
  near(alpha, 2.5, 0.1);
  assert.ok(performance.now() - started < 5000, `${performance.now() - started} ms`);
});

test("spectra without a tail have no fit; equal and zero values are no choices", () => {
  for (const values of [[], [3], [2, 2, 2], [0, 0], [0, 0, 5]]) assert.equal(fitPowerLaw(values), undefined);
  assert.deepEqual(fitPowerLaw([0, 1, 0, 2]), fitPowerLaw([1, 2]));
  assert.deepEqual(fitPowerLaw([1, 1, 2])?.tail, 3);
  assert.equal(fitPowerLaw([1, 1, 2])?.runnerUp, Infinity);
  assert.throws(() => fitPowerLaw([1, -2]), SpectrumError);
  assert.throws(() => fitPowerLaw([1, Infinity]), /found Infinity/);
});
