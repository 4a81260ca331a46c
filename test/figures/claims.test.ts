import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alignedAtEnd,
  bothFit,
  chanceAlignment,
  chanceDeviation,
  errorFallsWithRank,
  largeValuesGrow,
  neitherWithoutDecay,
  randomLabelsLoseAlignment,
  randomLabelsRankHigher,
  rankFalls,
  topHalfSuffices,
  unalignedAtStart,
} from "spectral-lab/figures/claims";
import { rankCorrelation } from "spectral-lab/figures/claims/claim";
import { randomStream } from "spectral-lab/core/random";
import { synthetic, together } from "./synthetic.js";

const matrices = ["a", "b", "c", "d"];
const base = { size: 64, matrices, epochs: 100, moments: 41, seeds: [0, 1] };
const grokked = synthetic({ ...base, label: "decay 1", pruned: true });
const plain = synthetic({ ...base, label: "decay 0", collapse: 0.02, generalisesAt: 3 });
const both = together(grokked, plain);

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
  assert.equal(largeValuesGrow(grokked.spectra, "decay 1", "b").verdict, "agrees");
  const reversed = grokked.spectra.map((row) => ({ ...row, step: -row.step }));
  assert.equal(largeValuesGrow(reversed, "decay 1", "b").verdict, "disagrees");
  const scaled = grokked.spectra.map((row) => ({
    ...row,
    value: (65 - row.rank) * (1 + row.step) ** (row.rank < 8 ? 1.02 : 1),
  }));
  assert.equal(largeValuesGrow(scaled, "decay 1", "b").verdict, "undecided");
});

test("figure 2: error falls with rank when it groks; undecided when it does not; disagrees when rank rises", () => {
  const claim = errorFallsWithRank(both, "decay 1");
  assert.equal(claim.verdict, "agrees");
  assert.ok(claim.numbers.errorFall > 0.9 && claim.numbers.rankFall > 0.3);
  assert.equal(errorFallsWithRank(both, "decay 0").verdict, "undecided");
  const ranks = grokked.ranks.map((row) => ({ ...row, effectiveRank: 1 - row.effectiveRank }));
  assert.equal(errorFallsWithRank({ ...grokked, ranks }, "decay 1").verdict, "disagrees");
});

test("figure 2: the run without decay stays, or groks all the same", () => {
  assert.equal(neitherWithoutDecay(both, "decay 1", "decay 0").verdict, "agrees");
  assert.equal(neitherWithoutDecay(both, "decay 1", "decay 1").verdict, "disagrees");
  const half = synthetic({ ...base, label: "decay 0", collapse: 0.02, generalisesAt: 0.5 });
  assert.equal(neitherWithoutDecay(together(grokked, half), "decay 1", "decay 0").verdict, "undecided");
});

test("figure 3: effective rank falls in n of m matrices", () => {
  const claim = rankFalls(grokked.ranks, "decay 1");
  assert.deepEqual([claim.verdict, claim.numbers.fell, claim.numbers.matrices], ["agrees", 4, 4]);
  const rises = grokked.ranks.map((row) =>
    row.depth < 3 ? { ...row, effectiveRank: 1 - row.effectiveRank } : row,
  );
  assert.deepEqual(
    [rankFalls(rises, "decay 1").verdict, rankFalls(rises, "decay 1").numbers.fell],
    ["disagrees", 1],
  );
  const some = grokked.ranks.map((row) =>
    row.depth < 1 ? { ...row, effectiveRank: 1 - row.effectiveRank } : row,
  );
  assert.equal(rankFalls(some, "decay 1").verdict, "undecided");
});

test("figure 4: the top half keeps the loss, or loses it", () => {
  const claim = topHalfSuffices(grokked.metrics, "decay 1", "train");
  assert.equal(claim.verdict, "agrees");
  assert.ok(claim.numbers.topLost < 0.05 && claim.numbers.bottomLost > 0.9);
  const swap: Record<string, string> = { top: "bottom", bottom: "top", full: "full" };
  const swapped = grokked.metrics.map((row) => ({ ...row, variant: swap[row.variant ?? "full"] }));
  assert.equal(topHalfSuffices(swapped, "decay 1", "validation").verdict, "disagrees");
  assert.equal(topHalfSuffices(plain.metrics, "decay 0", "train").verdict, "undecided", "no pruned losses");
});

test("figure 5: chance at the start, more at the end, or not", () => {
  assert.equal(unalignedAtStart(grokked.scores, "decay 1").verdict, "agrees");
  const balanced = grokked.scores.map((row) => ({ ...row, score: 0.5 }));
  assert.equal(unalignedAtStart(balanced, "decay 1").verdict, "disagrees");
  assert.equal(alignedAtEnd(grokked.scores, "decay 1").verdict, "agrees");
  assert.equal(alignedAtEnd(plain.scores, "decay 0").verdict, "disagrees");
});

test("figure 8: random labels are fitted, with higher rank and less alignment, or not", () => {
  const runs = { trueLabels: "decay 1", randomLabels: "decay 0" };
  const exchanged = { trueLabels: "decay 0", randomLabels: "decay 1" };
  assert.equal(bothFit(both.metrics, runs).verdict, "agrees");
  const stuck = both.metrics.map((row) => ({
    ...row,
    value: row.value + (row.label === "decay 0" ? 0.5 : 0),
  }));
  assert.equal(bothFit(stuck, runs).verdict, "disagrees");
  assert.equal(randomLabelsRankHigher(both.ranks, runs).verdict, "agrees");
  assert.equal(randomLabelsRankHigher(both.ranks, exchanged).verdict, "disagrees");
  assert.equal(randomLabelsLoseAlignment(both.alignment, "a -> b", runs).verdict, "agrees");
  assert.equal(randomLabelsLoseAlignment(both.alignment, "a -> b", exchanged).verdict, "disagrees");
  assert.equal(
    randomLabelsLoseAlignment(both.alignment, "a -> b", { ...runs, randomLabels: "decay 1" }).verdict,
    "undecided",
  );
});

test("claims about experiments without rows are undecided, not crashes", () => {
  assert.equal(errorFallsWithRank(both, "missing").verdict, "undecided");
  assert.equal(rankFalls(both.ranks, "missing").verdict, "undecided");
  assert.equal(largeValuesGrow(both.spectra, "missing", "a").verdict, "undecided");
  assert.equal(unalignedAtStart(both.scores, "missing").verdict, "undecided");
});
