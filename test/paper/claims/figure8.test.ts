import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { claimsOfRandomLabels } from "spectral-lab/paper/claims/figure8";

/** Final numbers of one seed. */
interface End {
  readonly error?: number;
  readonly rank?: number;
  readonly aligned?: number;
}

function claimsOf(right: readonly End[], random: readonly End[], randomName = "random"): Claim[] {
  const metrics: object[] = [];
  const ranks: object[] = [];
  const alignment: object[] = [];
  for (const [setting, ends] of [
    ["true", right],
    ["random", random],
  ] as const) {
    ends.forEach(({ error = 0, rank = 0.5, aligned = 0.3 }, seed) => {
      for (const step of [0, 9]) {
        const origin = { task: "labels", setting, seed, step };
        const last = step > 0;
        metrics.push({
          ...origin,
          split: "train",
          variant: "full",
          metric: "error",
          value: last ? error : 0.9,
        });
        metrics.push({ ...origin, split: "train", variant: "top", metric: "error", value: 0.7 });
        [0.1, rank, rank, 0.9].forEach((value, depth) =>
          ranks.push({ ...origin, matrix: `W${depth}`, depth, effectiveRank: last ? value : 0.97 }),
        );
        for (let entry = 1; entry <= 12; entry++) {
          const value = entry > 10 ? 1 : last ? aligned : 0.05;
          alignment.push({ ...origin, contact: "a -> b", rank: entry, value });
        }
      }
    });
  }
  return claimsOfRandomLabels(
    { metrics: aq.from(metrics), ranks: aq.from(ranks), alignment: aq.from(alignment) },
    { trueLabels: { setting: "true" }, randomLabels: { setting: randomName } },
    "a -> b",
  );
}

const verdicts = (right: readonly End[], random: readonly End[]): string[] =>
  claimsOf(right, random).map(({ verdict }) => verdict);
const near = (rank: number, aligned: number): End[] =>
  [-0.003, 0, 0.003].map((off) => ({ rank: rank + off, aligned: aligned - off }));

test("true: both fitted, random labels higher in rank and less aligned", () => {
  const claims = claimsOf(near(0.4, 0.3), near(0.5, 0.2));
  assert.deepEqual(
    claims.map(({ verdict }) => verdict),
    ["agrees", "agrees", "agrees"],
  );
  assert.ok(Math.abs(claims[1].numbers.difference - 0.1) < 1e-12);
  assert.ok(Math.abs(claims[2].numbers.difference + 0.1) < 1e-12);
  assert.match(claims[1].effect, /\(3 seeds\)/);
});

test("false: random labels not fitted, lower in rank, more aligned; or no different", () => {
  const stuck = near(0.4, 0.3).map((end, seed) => ({ ...end, error: seed === 1 ? 0.2 : 0 }));
  assert.deepEqual(verdicts(near(0.5, 0.2), stuck), ["disagrees", "disagrees", "disagrees"]);
  const same = near(0.5, 0.2);
  assert.deepEqual(verdicts(same, same).slice(1), ["disagrees", "disagrees"]);
});

test("undecided: one seed, seeds that differ, errors in between, other seeds", () => {
  const one = claimsOf([{ rank: 0.4, aligned: 0.5 }], [{ rank: 0.6, aligned: 0.2, error: 0.05 }]);
  assert.deepEqual(
    one.map(({ verdict }) => verdict),
    ["undecided", "undecided", "undecided"],
  );
  assert.match(one[1].effect, /one seed: no spread/);
  const wide = [
    { rank: 0.3, aligned: 0.5 },
    { rank: 0.8, aligned: 0.1 },
  ];
  assert.deepEqual(verdicts(wide, [wide[0], { rank: 0.9, aligned: 0.02 }]).slice(1), [
    "undecided",
    "undecided",
  ]);
});

test("false positives: labels that make no difference, seeds that do", () => {
  for (const [seeds, allowed] of [
    [2, 0.1],
    [3, 0.05],
    [5, 0.05],
  ]) {
    const random = randomStream(seeds, "labels");
    const ends = (): End[] =>
      Array.from({ length: seeds }, () => ({
        rank: 0.5 + random.normal(0, 0.05),
        aligned: 0.3 + random.normal(0, 0.05),
      }));
    const agreed = [0, 0];
    for (let i = 0; i < 200; i++) {
      claimsOf(ends(), ends())
        .slice(1)
        .forEach(({ verdict }, k) => (agreed[k] += Number(verdict === "agrees")));
    }
    assert.ok(Math.max(...agreed) <= 200 * allowed, `${seeds} seeds: ${agreed.join(", ")} of 200`);
  }
});

test("experiments without rows are undecided", () => {
  const claims = claimsOf(near(0.4, 0.3), near(0.5, 0.2), "missing");
  assert.ok(claims.every(({ verdict }) => verdict === "undecided"));
  assert.match(claims[1].effect, /no seed/);
});
