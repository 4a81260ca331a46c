import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { topHalfSuffices } from "spectral-lab/paper/claims/figure4";
import { countVerdicts } from "../count-verdicts.js";

/** The claim for runs whose full loss falls from 2 to 1, and whose halves lose these shares of it at the end. */
function claimOf(
  lost: readonly (readonly [top: number, bottom: number])[],
  split: "train" | "validation" = "train",
): Claim {
  const rows = lost.flatMap(([top, bottom], seed) =>
    (
      [
        [0, "full", 2],
        [0, "top", 2],
        [0, "bottom", 2],
        [5, "full", 1],
        [9, "full", 1.01],
        [5, "top", 1 + top],
        [5, "bottom", 1 + bottom],
      ] as const
    ).map(([step, variant, value]) => ({ task: "t", seed, step, split, metric: "loss", variant, value })),
  );
  return topHalfSuffices(aq.from(rows), { task: "t" }, split);
}

test("losses at the last pruning as shares of what training gained", () => {
  const claim = claimOf([
    [0.05, 0.9],
    [0.15, 1.1],
  ]);
  assert.equal(claim.verdict, "agrees");
  assert.ok(Math.abs(claim.numbers.topLost - 0.1) < 1e-9 && Math.abs(claim.numbers.bottomLost - 1) < 1e-9);
  assert.equal(claim.numbers.fullLoss, 1);
  assert.match(claim.effect, /top half loses 10 % ± 7.07 %/);
});

test("false: the top half loses as much, or half of the gain", () => {
  assert.equal(claimOf([[0.9, 0.9]]).verdict, "disagrees");
  assert.equal(claimOf([[0.9, 0.1]], "validation").verdict, "disagrees");
  assert.equal(claimOf([[0.6, 2]]).verdict, "disagrees");
});

test("undecided: in between, seeds that differ, no pruned losses, no gain", () => {
  assert.equal(claimOf([[0.3, 0.9]]).verdict, "undecided");
  assert.equal(
    claimOf([
      [0.1, 1.5],
      [0.2, 0.2],
    ]).verdict,
    "undecided",
  );
  assert.equal(claimOf([[NaN, NaN]]).verdict, "undecided");
  assert.match(claimOf([[0.1, 0.9]]).effect, /one seed: no spread/);
  const table = aq.from([
    { task: "t", seed: 0, step: 0, split: "train", metric: "loss", variant: "full", value: 1 },
  ]);
  assert.equal(topHalfSuffices(table, { task: "t" }, "train").verdict, "undecided");
  assert.equal(topHalfSuffices(table, { task: "missing" }, "train").verdict, "undecided");
});

test("false positives: where it does not matter which half is kept", () => {
  for (const seeds of [1, 3]) {
    const random = randomStream(seeds, "halves");
    const counts = countVerdicts(200, () => {
      const common = random.uniform(0, 1);
      const lose = (): number => common + random.normal(0, 0.15);
      return claimOf(Array.from({ length: seeds }, () => [lose(), lose()] as const));
    });
    assert.ok(counts.agrees <= 10, `${seeds} seeds: ${counts.agrees} of 200`);
  }
});
