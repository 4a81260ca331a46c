import assert from "node:assert/strict";
import { test } from "node:test";
import { SpectrumError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { svdSync } from "spectral-lab/linalg/engine";
import {
  eigenvaluesOf,
  fitNoise,
  marchenkoPasturDensity,
  marchenkoPasturEdge,
  marchenkoPasturMedian,
  noiseLimit,
} from "spectral-lab/linalg/marchenko-pastur";
import { gaussianMatrix, withSpikes } from "spectral-lab/linalg/random-matrix";

const near = (actual: number, expected: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test("the law by hand: edges, density, median", () => {
  near(marchenkoPasturEdge(1), 4);
  near(marchenkoPasturEdge(0.25, 2), 2 * 1.5 ** 2);
  // q = 1: density sqrt((4 - x) / x) / (2 pi)
  near(marchenkoPasturDensity(1, 1), Math.sqrt(3) / (2 * Math.PI));
  near(marchenkoPasturDensity(2, 1, 2), Math.sqrt(3) / (4 * Math.PI)); // twice as wide, half as high
  assert.equal(marchenkoPasturDensity(4.01, 1), 0);
  assert.equal(marchenkoPasturDensity(0.2, 0.25), 0); // below (1 - 1/2)^2
  near(marchenkoPasturMedian(1e-8), 1, 1e-4); // one value
});

test("half of the density lies below the median, and all of it between the edges", () => {
  for (const ratio of [0.05, 0.3, 2 / 3, 0.95]) {
    const root = Math.sqrt(ratio);
    const [low, middle, high] = [(1 - root) ** 2, marchenkoPasturMedian(ratio), (1 + root) ** 2];
    const integral = (from: number, to: number): number => {
      const steps = 20000; // midpoints in the angle, where the density's ends are smooth
      const angle = (x: number): number => Math.acos(Math.max(-1, Math.min(1, (1 + ratio - x) / (2 * root))));
      const [a, b] = [angle(from), angle(to)];
      let sum = 0;
      for (let i = 0; i < steps; i++) {
        const t = a + ((i + 0.5) / steps) * (b - a);
        sum += marchenkoPasturDensity(1 + ratio - 2 * root * Math.cos(t), ratio) * 2 * root * Math.sin(t);
      }
      return (sum * (b - a)) / steps;
    };
    near(integral(low, high), 1, 1e-7);
    near(integral(low, middle), 0.5, 1e-7);
  }
});

test("the bulk's mean by hand", () => {
  // q = 1/4, edge 2.25 v. Mean of all 3.2, edge 7.2: 10 leaves. Mean 1.5, edge 3.375: none leaves.
  assert.deepEqual(fitNoise([1, 2, 10, 1, 2], 0.25), { variance: 1.5, edge: 3.375, above: 1 });
  const { variance, above } = fitNoise([1, 2, 10, 1], 0.25, "median");
  near(variance, 1.5 / marchenkoPasturMedian(0.25)); // mean of the middle two
  assert.equal(above, 1);
});

test("noise ends at the edge, and strong directions stand out of it", () => {
  for (const [rows, columns] of [
    [300, 200],
    [120, 400],
  ] as const) {
    // prettier-ignore
    const random = randomStream(rows, "marchenko-pastur");
    const noise = gaussianMatrix(random, rows, columns); // variance 1 / columns
    const ratio = Math.min(rows, columns) / Math.max(rows, columns);
    const fits = (spikes: readonly number[]) => {
      const { s } = svdSync(withSpikes(random, noise, spikes));
      const eigenvalues = eigenvaluesOf(s, rows, columns);
      return [fitNoise(eigenvalues, ratio), fitNoise(eigenvalues, ratio, "median")] as const;
    };
    for (const fit of fits([])) {
      near(fit.variance * columns, 1, 0.03);
      assert.ok(fit.above <= 1, `${fit.above} above`);
    }
    for (const fit of fits([6, 5, 4])) {
      near(fit.variance * columns, 1, 0.04);
      assert.equal(fit.above, 3);
    }
  }
});

test("the limit of finite noise: by hand, and exceeded about once in a hundred matrices", () => {
  // N = 17, p = 16: m = (4 + 4)^2, s = 8 (1/4 + 1/4)^(1/3). Of the mean with the 100 in it, 115 / 16, it is 32: the 100 leaves.
  const factor = (64 + 2.02 * 8 * Math.cbrt(0.5)) / 17;
  near(noiseLimit([...new Array<number>(15).fill(1), 100], 16, 17), factor);
  near(noiseLimit(new Array<number>(16).fill(3), 17, 16), 3 * factor);
  assert.equal(noiseLimit([0, 0], 2, 3), 0);
  for (const [rows, columns] of [
    [1, 1],
    [0, 3],
    [2.5, 3],
  ])
    // prettier-ignore
    assert.throws(() => noiseLimit([1], rows, columns), /noiseLimit: expected whole sides/);
  const random = randomStream(0, "limit");
  const exceeded = (rows: number, columns: number, spikes: readonly number[]): boolean => {
    const { s } = svdSync(withSpikes(random, gaussianMatrix(random, rows, columns), spikes));
    const eigenvalues = eigenvaluesOf(s, rows, columns);
    return eigenvalues[0] > noiseLimit(eigenvalues, rows, columns);
  };
  for (const [rows, columns] of [
    [30, 30],
    [20, 60],
    [10, 192],
  ] as const) {
    // prettier-ignore
    const count = (spikes: readonly number[]): number =>
      Array.from({ length: 300 }, () => exceeded(rows, columns, spikes)).filter(Boolean).length;
    const [byChance, strong] = [count([]), count([4])];
    assert.ok(byChance <= 9, `${rows} x ${columns}: ${byChance} of 300 matrices of noise`);
    assert.ok(strong >= 290, `${rows} x ${columns}: ${strong} of 300 with a strong direction`);
  }
});

test("spectra without noise, and what is no spectrum", () => {
  assert.deepEqual(fitNoise([0, 0, 0], 0.5), { variance: 0, edge: 0, above: 0 });
  assert.deepEqual(fitNoise([9, 0, 0, 0, 0, 0, 0, 0], 0.25), { variance: 0, edge: 0, above: 1 });
  assert.deepEqual(fitNoise([5], 1), { variance: 5, edge: 20, above: 0 });
  assert.throws(() => fitNoise([], 0.5), SpectrumError);
  assert.throws(() => fitNoise([1, NaN], 0.5), /found NaN/);
  assert.throws(() => fitNoise([1, -1], 0.5), /found -1/);
  assert.throws(() => fitNoise([1], 1.5), /shorter \/ longer side in \(0, 1\], found 1\.5/);
});
