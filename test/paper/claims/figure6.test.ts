import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { claimsOfDecay } from "spectral-lab/paper/claims/figure6";
import { countVerdicts } from "../count-verdicts.js";

const DECAYS = [0, 0.1, 1, 10];
type Numbers = (decay: number, seed: number, matrix: string) => number;

/** Claims of runs whose two matrices end with these ranks and norms. */
function claimsOf(seeds: number, rank: Numbers, norm: Numbers = () => 1, decays = DECAYS): Claim[] {
  const rows = decays.flatMap((weightDecay) =>
    Array.from({ length: seeds }, (_, seed) =>
      [0, 50].flatMap((step) =>
        ["a", "b"].map((matrix) => ({
          task: "t",
          seed,
          weightDecay,
          step,
          matrix,
          effectiveRank: step === 0 ? 0.9 : rank(weightDecay, seed, matrix),
          frobenius: step === 0 ? 5 : norm(weightDecay, seed, matrix),
        })),
      ),
    ).flat(),
  );
  const table = rows.length > 0 ? aq.from(rows) : aq.table({ task: [] });
  return claimsOfDecay(table, {
    task: "t",
    decays: decays.map((decay) => ({
      where: { task: "t", weightDecay: decay },
      decay,
      seeds: [],
      diverged: [],
    })),
  });
}

const falling: Numbers = (decay, seed, matrix) =>
  0.8 - 0.05 * DECAYS.indexOf(decay) + 0.001 * seed + (matrix === "a" ? 0.1 : -0.1);

test("more decay, lower rank: the fall from the smallest to the largest decay, and how likely its order is by chance", () => {
  const [lower] = claimsOf(3, falling);
  assert.equal(lower.verdict, "agrees");
  assert.ok(Math.abs(lower.numbers.fall - 0.15) < 1e-9);
  assert.ok(Math.abs(lower.numbers.probability - 24 ** -3) < 1e-12);
  assert.match(lower.effect, /0\.801 at decay 0, 0\.751 at decay 0\.1, .* it falls by 0\.15 ± .*\(3 seeds\)/);
});

test("false: rank rises, or falls too little", () => {
  assert.equal(claimsOf(3, (...of) => 1.6 - falling(...of))[0].verdict, "disagrees");
  assert.equal(claimsOf(3, (decay, seed) => 0.8 - 0.001 * DECAYS.indexOf(decay) + 0.001 * seed)[0].verdict, "disagrees"); // prettier-ignore
});

test("undecided: one seed, no order, seeds that differ, no decays", () => {
  assert.equal(claimsOf(1, falling)[0].verdict, "undecided");
  assert.equal(claimsOf(3, (decay) => [0.8, 0.5, 0.9, 0.7][DECAYS.indexOf(decay)])[0].verdict, "undecided");
  assert.equal(
    claimsOf(2, (decay, seed) => 0.8 - 0.1 * seed * DECAYS.indexOf(decay))[0].verdict,
    "undecided",
  );
  assert.equal(claimsOf(3, falling, undefined, [1])[0].verdict, "undecided");
});

test("a decay at which a matrix has no spectrum is left out and named", () => {
  const [lower] = claimsOf(3, (decay, seed, matrix) =>
    decay === 10 && seed === 1 && matrix === "b" ? NaN : falling(decay, seed, matrix),
  );
  assert.equal(lower.numbers.decays, 3);
  assert.ok(Math.abs(lower.numbers.fall - 0.1) < 1e-9);
  assert.match(lower.effect, /unknown at decay 10;/);
});

test("norm collapse: the geometric mean over matrices, against the smallest decay", () => {
  const norms: Numbers = (decay, seed, matrix) =>
    decay < 10 ? 4 + 0.1 * seed : (4 + 0.1 * seed) * (matrix === "a" ? 0.01 : 0.04);
  const [, collapsed] = claimsOf(3, falling, norms);
  assert.equal(collapsed.verdict, "agrees");
  assert.ok(Math.abs(collapsed.numbers.share - 0.02) < 1e-9);
  assert.equal(collapsed.numbers.decay, 10);
  const [, zeros] = claimsOf(3, falling, (decay) => (decay < 10 ? 1 : 0));
  assert.ok(zeros.verdict === "agrees" && Math.abs(zeros.numbers.share - 1e-6) < 1e-12);
  assert.equal(claimsOf(3, falling, (_, seed) => 1 + 0.01 * seed)[1].verdict, "disagrees");
  assert.equal(claimsOf(3, falling, (decay) => (decay < 10 ? 1 : 0.3))[1].verdict, "undecided");
  assert.equal(claimsOf(1, falling, norms)[1].verdict, "undecided");
});

test("false positives: where decay makes no difference", () => {
  for (const seeds of [2, 3, 5]) {
    const random = randomStream(seeds, "decay");
    const counts = countVerdicts(200, () => {
      const values = new Map<string, number>();
      return claimsOf(seeds, (...of) => {
        const key = of.join(" ");
        values.set(key, values.get(key) ?? 0.7 + random.normal(0, 0.05));
        return values.get(key)!;
      })[0];
    });
    assert.ok(counts.agrees <= 10, `${seeds} seeds: ${counts.agrees} of 200`);
  }
});

test("false positives of the collapse: norms that differ by seed alone", () => {
  const random = randomStream(1, "collapse");
  const counts = countVerdicts(200, () => claimsOf(3, falling, () => Math.exp(random.normal(0, 1)))[1]);
  assert.ok(counts.agrees <= 4, `${counts.agrees} of 200`);
});
