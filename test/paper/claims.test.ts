import assert from "node:assert/strict";
import { test } from "node:test";
import type { ColumnTable } from "arquero";
import * as aq from "arquero";
import { chanceAlignment, chanceDeviation } from "spectral-lab/paper/chance";
import { type Claim, rankCorrelation } from "spectral-lab/paper/claim";
import { largeValuesGrow } from "spectral-lab/paper/claims/figure1";
import { claimsOfGrokking } from "spectral-lab/paper/claims/figure2";
import { rankFalls } from "spectral-lab/paper/claims/figure3";
import { topHalfSuffices } from "spectral-lab/paper/claims/figure4";
import { alignedAtEnd, unalignedAtStart } from "spectral-lab/paper/claims/figure5";
import { claimsOfRandomLabels } from "spectral-lab/paper/claims/figure8";
import { randomStream } from "spectral-lab/core/random";
import { synthetic, tablesOf, together } from "./synthetic.js";

const matrices = ["a", "b", "c", "d"];
const base = { size: 64, matrices, epochs: 100, moments: 41, seeds: [0, 1] };
const grokked = synthetic({ ...base, task: "decay 1", pruned: true });
const plain = synthetic({ ...base, task: "decay 0", collapse: 0.02, generalisesAt: 3 });
const both = tablesOf(together(grokked, plain));
const decay = { task: "decay 1", setting: null };
const noDecay = { task: "decay 0", setting: null };
const missing = { task: "missing", setting: null };
const table = (rows: object[]): ColumnTable => aq.from(rows);
const verdicts = (claims: readonly Claim[]): string[] => claims.map(({ verdict }) => verdict);

test("chance alignment is Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2))", () => {
  const close = (found: number, expected: number): void =>
    assert.ok(Math.abs(found - expected) < 1e-12 * expected);
  close(chanceAlignment(1), 1);
  close(chanceAlignment(2), 2 / Math.PI);
  close(chanceAlignment(3), 1 / 2);
  close(chanceAlignment(4), 4 / (3 * Math.PI));
  close(chanceAlignment(5), 3 / 8);
  assert.ok(Math.abs(chanceAlignment(768) / Math.sqrt(2 / (Math.PI * 768)) - 1) < 1e-3);
  assert.throws(() => chanceAlignment(0), RangeError);
});

test("chance alignment is what random vectors have", () => {
  const random = randomStream(0, "test");
  const draws = Array.from({ length: 4000 }, () => {
    const u = Array.from({ length: 20 }, () => random.normal());
    return Math.abs(u[0]) / Math.hypot(...u); // v is an axis
  });
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  assert.ok(Math.abs(mean - chanceAlignment(20)) < (4 * chanceDeviation(20)) / Math.sqrt(4000));
  assert.ok(Math.abs(Math.sqrt(variance) / chanceDeviation(20) - 1) < 0.05);
});

test("rank correlation: monotone is 1 or -1, ties share ranks, a constant has none", () => {
  assert.equal(rankCorrelation([1, 2, 3, 4], [10, 100, 101, 1e6]), 1);
  assert.equal(rankCorrelation([1, 2, 3], [3, 2, 1]), -1);
  assert.ok(Math.abs(rankCorrelation([1, 2, 2, 3], [1, 2, 3, 4]) - 0.9486832980505138) < 1e-12);
  assert.ok(Number.isNaN(rankCorrelation([1, 2, 3], [5, 5, 5])));
  assert.ok(Number.isNaN(rankCorrelation([1, 2], [1, 2])));
});

test("figure 1: large singular values grow, or do not", () => {
  assert.equal(largeValuesGrow(both.spectra, decay, "b").verdict, "agrees");
  const reversed = grokked.spectra.map((row) => ({ ...row, step: -row.step }));
  assert.equal(largeValuesGrow(table(reversed), decay, "b").verdict, "disagrees");
});

test("figure 2: error falls with rank when it groks; undecided when it does not; disagrees when rank rises", () => {
  const [claim, neither] = claimsOfGrokking(both, decay, noDecay);
  assert.equal(claim.verdict, "agrees");
  assert.ok(claim.numbers.errorFall > 0.9 && claim.numbers.rankFall > 0.3);
  assert.equal(neither.verdict, "agrees");
  assert.deepEqual(verdicts(claimsOfGrokking(both, noDecay, decay)), ["undecided", "disagrees"]);
  const ranks = table(grokked.ranks.map((row) => ({ ...row, effectiveRank: 1 - row.effectiveRank })));
  assert.deepEqual(verdicts(claimsOfGrokking({ ...both, ranks }, decay, undefined)), ["disagrees"]);
});

test("figure 3: effective rank falls in n of m matrices", () => {
  const claim = rankFalls(both.ranks, decay);
  assert.deepEqual([claim.verdict, claim.numbers.fell, claim.numbers.matrices], ["agrees", 4, 4]);
  const risen = (below: number): Claim => {
    const rows = grokked.ranks.map((row) =>
      row.depth < below ? { ...row, effectiveRank: 1 - row.effectiveRank } : row,
    );
    return rankFalls(table(rows), decay);
  };
  assert.deepEqual(
    [risen(3).verdict, risen(3).numbers.fell, risen(1).verdict],
    ["disagrees", 1, "undecided"],
  );
});

test("figure 4: the top half keeps the loss, or loses it", () => {
  const claim = topHalfSuffices(both.metrics, decay, "train");
  assert.equal(claim.verdict, "agrees");
  assert.ok(claim.numbers.topLost < 0.05 && claim.numbers.bottomLost > 0.9);
  const swap: Record<string, string> = { top: "bottom", bottom: "top", full: "full" };
  const swapped = grokked.metrics.map((row) => ({ ...row, variant: swap[row.variant] }));
  assert.equal(topHalfSuffices(table(swapped), decay, "validation").verdict, "disagrees");
  assert.equal(topHalfSuffices(both.metrics, noDecay, "train").verdict, "undecided", "no pruned losses");
});

test("figure 5: chance at the start, more at the end, or not", () => {
  assert.equal(unalignedAtStart(both.scores, decay).verdict, "agrees");
  const balanced = grokked.scores.map((row) => ({ ...row, score: 0.5 }));
  assert.equal(unalignedAtStart(table(balanced), decay).verdict, "disagrees");
  assert.equal(alignedAtEnd(both.scores, decay).verdict, "agrees");
  assert.equal(alignedAtEnd(both.scores, noDecay).verdict, "disagrees");
});

test("figure 8: random labels are fitted, with higher rank and less alignment, or not", () => {
  const claims = (trueLabels: typeof decay, randomLabels: typeof decay): string[] =>
    verdicts(claimsOfRandomLabels(both, { trueLabels, randomLabels }, "a -> b"));
  assert.deepEqual(claims(decay, noDecay), ["agrees", "agrees", "agrees"]);
  assert.deepEqual(claims(noDecay, decay), ["agrees", "disagrees", "disagrees"]);
  assert.equal(claims(decay, decay)[2], "undecided");
});

test("claims about experiments without rows are undecided, not crashes", () => {
  assert.deepEqual(verdicts(claimsOfGrokking(both, missing, undefined)), ["undecided"]);
  assert.equal(rankFalls(both.ranks, missing).verdict, "undecided");
  assert.equal(largeValuesGrow(both.spectra, missing, "a").verdict, "undecided");
  assert.equal(unalignedAtStart(both.scores, missing).verdict, "undecided");
});
