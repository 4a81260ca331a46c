import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream, type Random } from "spectral-lab/core/random";
import { svdSync } from "spectral-lab/linalg/engine";
import { gaussianMatrix } from "spectral-lab/linalg/random-matrix";
import type { Claim } from "spectral-lab/paper/claim";
import { largeValuesGrowEverywhere } from "spectral-lab/paper/claims/universality";
import { countVerdicts } from "../count-verdicts.js";

type Ends = readonly [first: ArrayLike<number>, last: ArrayLike<number>];

/** The claim of a network whose matrices have these first and last spectra, and of another one that must not matter. */
function claimOf(matrices: readonly Ends[]): Claim {
  const rowsOf = (task: string, ends: readonly Ends[]): object[] =>
    ends.flatMap((own, m) =>
      own.flatMap((spectrum, step) =>
        Array.from(spectrum, (value, i) => ({ task, seed: 0, step, matrix: `W${m}`, rank: i + 1, value })),
      ),
    );
  const rows = [...rowsOf("t", matrices), ...rowsOf("other", [[[2, 1], [2, 1]]])]; // prettier-ignore
  return largeValuesGrowEverywhere(aq.from(rows), { task: "t" });
}

const flat = Array.from({ length: 40 }, (_, i) => 2 - i / 40);
const grown = (factor: number): Ends => [flat, flat.map((value, i) => 3 * value * (i < 4 ? factor : 1))];
const times = (count: number, ends: Ends): Ends[] => Array.from({ length: count }, () => ends);

test("counts matrices by figure 1's rule; those without a ratio are left out", () => {
  const claim = claimOf([...times(3, grown(2)), grown(1), grown(1.3), [[2], [3]]]);
  const { grew, not, matrices, ratio } = claim.numbers;
  assert.deepEqual([grew, not, matrices], [3, 1, 5]);
  assert.ok(Math.abs(ratio - 2) < 1e-9);
  assert.equal(claim.verdict, "undecided");
  assert.match(
    claim.effect,
    /in 3 of 5 matrices, and no more than by chance in 1; .* 2 in the median matrix \(one seed/,
  );
});

test("nine tenths agree, a half of rescaled ones disagrees, nothing decides nothing", () => {
  assert.equal(claimOf([...times(9, grown(2)), grown(1)]).verdict, "agrees");
  assert.equal(claimOf([...times(8, grown(2)), ...times(2, grown(1))]).verdict, "undecided");
  assert.equal(claimOf([...times(5, grown(2)), ...times(5, grown(1))]).verdict, "disagrees");
  assert.equal(claimOf([[[2], [3]]]).verdict, "undecided"); // prettier-ignore
});

test("false positives: networks that walk at random", () => {
  const walked = (random: Random): Ends => {
    const start = gaussianMatrix(random, 30, 30);
    const end = { ...start, data: start.data.map((value) => value + random.normal(0, 0.5)) };
    return [svdSync(start).s, svdSync(end).s];
  };
  const random = randomStream(0, "networks");
  const counts = countVerdicts(40, () => claimOf(Array.from({ length: 4 }, () => walked(random))));
  assert.deepEqual(counts, { agrees: 0, disagrees: 40, undecided: 0 });
});
