import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { claimsOfArms } from "spectral-lab/paper/claims/decay-arms";
import { countVerdicts } from "../count-verdicts.js";

type Ends = Readonly<Record<"free" | "decay" | "undone" | "only", number>>;

/** Claims of runs whose arms end at these mean ranks, one entry for each seed. */
function claimsOf(seeds: readonly Ends[]): [decay: Claim, norms: Claim] {
  const rows = seeds.flatMap((ends, seed) =>
    Object.entries(ends).flatMap(([arm, end]) => [
      { task: "t", arm, seed, step: 0, metric: "effective rank", value: 0.9 },
      { task: "t", arm, seed, step: 9, metric: "effective rank", value: end },
      { task: "t", arm, seed, step: 9, metric: "norm", value: 3 },
    ]),
  );
  return claimsOfArms(aq.from(rows), "t") as [Claim, Claim];
}

const seeds = (ends: Ends): Ends[] => [0, 0.001, -0.001].map((off) => ({ ...ends, decay: ends.decay + off }));

test("the effects of a 2 x 2, by hand", () => {
  const [decay, norms] = claimsOf(seeds({ free: 0.8, decay: 0.5, undone: 0.7, only: 0.72 }));
  assert.ok(Math.abs(decay.numbers.effect - (-0.1 - 0.22) / 2) < 1e-9);
  assert.ok(Math.abs(norms.numbers.effect - (-0.08 - 0.2) / 2) < 1e-9);
  assert.ok(Math.abs(decay.numbers.interaction - (0.5 - 0.7 - 0.72 + 0.8)) < 1e-9);
  assert.deepEqual([decay.verdict, norms.verdict], ["agrees", "agrees"]);
  assert.match(
    decay.effect,
    /-0\.16 ± .*\(3 seeds\); without decay 0\.8, with its norms 0\.72, with decay 0\.5/,
  );
});

test("decay that acts through norms alone, and decay that does not", () => {
  const [decay, norms] = claimsOf(seeds({ free: 0.8, decay: 0.5, undone: 0.8, only: 0.5 }));
  assert.deepEqual([decay.verdict, norms.verdict], ["disagrees", "agrees"]);
  const [alone, nothing] = claimsOf(seeds({ free: 0.8, decay: 0.5, undone: 0.5, only: 0.8 }));
  assert.deepEqual([alone.verdict, nothing.verdict], ["agrees", "disagrees"]);
});

test("undecided: one seed, seeds that differ, an arm that lacks", () => {
  const ends = { free: 0.8, decay: 0.5, undone: 0.5, only: 0.8 };
  assert.equal(claimsOf([ends])[0].verdict, "undecided");
  assert.equal(claimsOf([ends, { ...ends, decay: 0.9, undone: 0.9 }])[0].verdict, "undecided");
  assert.equal(claimsOf([ends, ends, { ...ends, only: NaN }])[0].verdict, "undecided");
});

test("false positives: where arms differ by chance alone", () => {
  for (const count of [2, 3, 5]) {
    const random = randomStream(count, "arms");
    const end = (): number => 0.7 + random.normal(0, 0.05);
    const counts = countVerdicts(
      200,
      () =>
        claimsOf(
          Array.from({ length: count }, () => ({ free: end(), decay: end(), undone: end(), only: end() })),
        )[0],
    );
    assert.ok(counts.agrees <= 20, `${count} seeds: ${counts.agrees} of 200`);
  }
});
