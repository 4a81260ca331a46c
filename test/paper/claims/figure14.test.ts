import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { gapCloses } from "spectral-lab/paper/claims/figure14";
import { countVerdicts } from "../count-verdicts.js";

const DECAYS = [0, 0.1, 1, 10];

/** The claim for runs whose full loss falls from 3 to 1, and whose top half ends so far above it. */
function claimOf(seeds: number, gap: (decay: number, seed: number) => number): Claim {
  const rows = DECAYS.flatMap((weightDecay) =>
    Array.from({ length: seeds }, (_, seed) =>
      (
        [
          [0, "full", 3],
          [0, "top", 3.5],
          [5, "full", 1],
          [5, "top", 1 + gap(weightDecay, seed)],
          [5, "bottom", 4],
          [9, "full", 0.9],
        ] as const
      ).map(([step, variant, value]) => {
        const origin = { task: "t", seed, weightDecay, step };
        return { ...origin, split: "train", metric: "loss", variant, value };
      }),
    ).flat(),
  );
  const decays = DECAYS.map((decay) => ({ where: { task: "t", weightDecay: decay }, decay, seeds: [], diverged: [] })); // prettier-ignore
  return gapCloses(aq.from(rows), { task: "t", decays });
}

test("the distance at the last pruning over what training gains without decay", () => {
  const claim = claimOf(3, (decay, seed) => 0.42 + 0.021 * seed - 0.105 * DECAYS.indexOf(decay));
  assert.equal(claim.verdict, "agrees");
  assert.ok(Math.abs(claim.numbers.fall - 0.315 / 2.1) < 1e-9, `${claim.numbers.fall}`);
  assert.match(claim.effect, /0\.21 at decay 0, /);
});

test("a top half that ends below the full network is as far from it", () => {
  const above = claimOf(3, (decay, seed) => 0.42 + 0.021 * seed - 0.105 * DECAYS.indexOf(decay));
  const below = claimOf(3, (decay, seed) => -0.42 - 0.021 * seed + 0.105 * DECAYS.indexOf(decay));
  assert.ok(Math.abs(above.numbers.fall - below.numbers.fall) < 1e-9);
});

test("false: the gap stays or grows; undecided: one seed, none pruned", () => {
  assert.equal(claimOf(3, (_, seed) => 0.4 + 0.01 * seed).verdict, "disagrees");
  assert.equal(claimOf(3, (decay) => 0.1 + 0.1 * DECAYS.indexOf(decay)).verdict, "disagrees");
  assert.equal(claimOf(1, (decay) => 0.5 - 0.1 * DECAYS.indexOf(decay)).verdict, "undecided");
  assert.equal(claimOf(3, () => NaN).verdict, "undecided");
});

test("false positives: where decay makes no difference", () => {
  for (const seeds of [2, 3, 5]) {
    const random = randomStream(seeds, "gap");
    const counts = countVerdicts(200, () => claimOf(seeds, () => 0.5 + random.normal(0, 0.2)));
    assert.ok(counts.agrees <= 10, `${seeds} seeds: ${counts.agrees} of 200`);
  }
});
