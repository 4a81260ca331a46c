import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream, type Random } from "spectral-lab/core/random";
import { gaussianMatrix } from "spectral-lab/linalg/random-matrix";
import { svdSync } from "spectral-lab/linalg/engine";
import type { Claim } from "spectral-lab/paper/claim";
import { largeValuesGrow } from "spectral-lab/paper/claims/figure1";
import { standardDeviation } from "spectral-lab/paper/statistics";
import { countVerdicts } from "../count-verdicts.js";

type Spectrum = ArrayLike<number>;

/** The claim for first and last spectra of several seeds. */
function claimOf(runs: readonly { first: Spectrum; last: Spectrum }[]): Claim {
  const rows = runs.flatMap(({ first, last }, seed) =>
    [first, last].flatMap((spectrum, step) =>
      Array.from(spectrum, (value, i) => ({ task: "t", seed, step, matrix: "W", rank: i + 1, value })),
    ),
  );
  return largeValuesGrow(aq.from(rows), { task: "t" }, "W");
}

/** Singular values of independent uniform entries, and of the same after a Gaussian random walk that triples its norm. */
function walked(random: Random, rows: number, columns: number): { first: Spectrum; last: Spectrum } {
  const start = gaussianMatrix(random, rows, columns);
  start.data.forEach((_, i) => (start.data[i] = random.uniform(-1, 1)));
  const end = { ...start, data: start.data.map((value) => value + random.normal(0, Math.sqrt(8 / 3))) };
  return { first: svdSync(start).s, last: svdSync(end).s };
}

const flat = Array.from({ length: 40 }, (_, i) => 2 - i / 40);
const grown = (factor: number): number[] => flat.map((value, i) => 3 * value * (i < 4 ? factor : 1));

test("a common rescaling has ratio 1 and disagrees; growth of the large ones agrees; a little is undecided", () => {
  const claim = claimOf([{ first: flat, last: grown(1) }]);
  assert.ok(Math.abs(claim.numbers.ratio - 1) < 1e-9 && Math.abs(claim.numbers.large - 3) < 1e-9);
  assert.equal(claim.verdict, "disagrees");
  assert.match(claim.effect, /one seed: no spread/);
  assert.equal(claimOf([{ first: flat, last: grown(2) }]).verdict, "agrees");
  assert.equal(claimOf([{ first: flat, last: grown(0.5) }]).verdict, "disagrees");
  assert.equal(claimOf([{ first: flat, last: grown(1.3) }]).verdict, "undecided");
});

test("seeds that differ too much decide nothing", () => {
  const runs = [1.1, 2.5].map((factor) => ({ first: flat, last: grown(factor) }));
  assert.equal(claimOf(runs).verdict, "undecided");
  assert.match(claimOf(runs).effect, /1.8 ± 0.99 \(2 seeds\)/);
});

test("a random walk of any shape stays within the deviation that the rule computes", () => {
  const random = randomStream(0, "walks");
  for (const [rows, columns, tries] of [
    [40, 40, 60],
    [40, 120, 40],
    [96, 96, 20],
  ]) {
    const ratios = Array.from({ length: tries }, () => claimOf([walked(random, rows, columns)]).numbers);
    const logs = ratios.map(({ ratio }) => Math.log(ratio));
    const computed = Math.log(ratios[0].randomWalk) / 3;
    assert.ok(
      standardDeviation(logs) < 1.15 * computed,
      `${rows} x ${columns}: ${standardDeviation(logs)} against ${computed}`,
    );
  }
});

test("false positives: no random walk agrees", () => {
  const random = randomStream(0, "null");
  const one = countVerdicts(150, () => claimOf([walked(random, 30, 30)]));
  const three = countVerdicts(50, () => claimOf([0, 1, 2].map(() => walked(random, 30, 30))));
  assert.deepEqual([one.agrees, three.agrees], [0, 0]);
  assert.ok(one.disagrees >= 145);
});

test("an experiment without rows is undecided", () => {
  const table = aq.table({ task: [], seed: [], step: [], matrix: [], rank: [], value: [] });
  assert.equal(largeValuesGrow(table, { task: "t" }, "W").verdict, "undecided");
});
