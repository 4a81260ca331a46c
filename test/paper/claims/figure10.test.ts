import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { type Random, randomStream } from "spectral-lab/core/random";
import { agreementDiagonal, agreementScore } from "spectral-lab/linalg/agreement";
import { svdSync } from "spectral-lab/linalg/engine";
import { gaussianMatrix } from "spectral-lab/linalg/random-matrix";
import type { Claim } from "spectral-lab/paper/claim";
import { magnitudeKeepsMore, touchedBy } from "spectral-lab/paper/claims/figure10";
import { countVerdicts } from "../count-verdicts.js";

const comparison = {
  statement: "Magnitude masks keep the top singular vectors",
  quantity: "agreement",
  magnitude: "magnitude:0.1",
  random: "random:0.1",
};

interface Score {
  edit: string;
  seed: number;
  matrix: string;
  score: number;
}

/** `scores[arm][seed][matrix]` as a table; the last matrix of a network is left as it is by both masks. */
const table = (arms: readonly (readonly (readonly number[])[])[]): ReturnType<typeof aq.from> =>
  aq.from(
    arms.flatMap((seeds, arm) =>
      seeds.flatMap((matrices, seed) =>
        [...matrices, 1].map((score, i): Score => ({
          edit: [comparison.magnitude, comparison.random][arm],
          seed,
          matrix: i === matrices.length ? "fc" : `W${i}`,
          score,
        })),
      ),
    ),
  );
const of = (magnitude: readonly (readonly number[])[], random: readonly (readonly number[])[]): Claim =>
  magnitudeKeepsMore(table([magnitude, random]), comparison);
const all = (value: number, count = 6): number[] => Array.from({ length: count }, () => value);

test("differences are paired by trunk and matrix, without the matrix that no mask touches", () => {
  const claim = of([all(0.8), all(0.7)], [all(0.1), all(0.1)]);
  assert.equal(claim.verdict, "agrees");
  const { magnitude, random, difference, matrices, probability } = claim.numbers;
  [
    [magnitude, 0.75],
    [random, 0.1],
    [difference, 0.65],
    [matrices, 6],
    [probability, 1 / 64],
  ].forEach(([found, expected]) => assert.ok(Math.abs(found - expected) < 1e-12, `${found}, ${expected}`));
  assert.match(
    claim.effect,
    /0\.75 ± 0\.0707 \(2 seeds\) with magnitude masks, 0\.1 ± \S+ \(2 seeds\) with random ones/,
  );
  assert.deepEqual(touchedBy(table([[all(0.8, 2)], [all(0.1, 2)]])), ["W0", "W1"]);
});

test("no difference disagrees; a small one, one kept by half, few matrices or seeds that differ decide nothing", () => {
  assert.equal(of([all(0.8)], [all(0.8)]).verdict, "disagrees");
  assert.equal(of([all(0.1)], [all(0.8)]).verdict, "disagrees");
  assert.equal(of([all(0.8)], [all(0.7)]).verdict, "undecided");
  assert.equal(of([all(0.4)], [all(0.1)]).verdict, "undecided", "less than half is kept");
  assert.equal(
    of([all(0.8, 3)], [all(0.1, 3)]).verdict,
    "undecided",
    "three matrices: one in eight by chance",
  );
  assert.equal(of([all(0.9), all(0.6)], [all(0.1), all(0.55)]).verdict, "undecided", "seeds differ");
  const other = { ...comparison, random: "random:0.2" };
  assert.equal(
    magnitudeKeepsMore(table([[all(0.8)], [all(0.1)]]), other).verdict,
    "undecided",
    "one arm alone",
  );
});

test("matrices without ten directions left are left out and counted; where they are many, nothing agrees", () => {
  const some = of([[NaN, ...all(0.8, 7)]], [all(0.1, 8)]);
  assert.deepEqual([some.numbers.matrices, some.numbers.leftOut, some.verdict], [7, 1, "agrees"]);
  assert.match(some.effect, /7 matrices \(1 left out: fewer than ten directions remain\)/);
  assert.equal(of([[...all(NaN, 7), ...all(0.8, 6)]], [all(0.1, 13)]).verdict, "undecided");
});

test("several branches of a trunk are one value", () => {
  const scores = table([[all(0.8)], [all(0.1)]]).objects() as Score[];
  const branches = scores.flatMap((row) => [0.05, -0.05].map((off, order) => ({ ...row, order, score: row.score + off }))); // prettier-ignore
  const claim = magnitudeKeepsMore(aq.from(branches), { ...comparison, matrices: ["W0", "W1", "W2", "W3", "W4", "W5"] }); // prettier-ignore
  assert.ok(Math.abs(claim.numbers.difference - 0.7) < 1e-12);
  assert.match(claim.effect, /one seed: no spread/);
});

/** Networks of six matrices, noise with a few directions above it, masked by magnitude and at random. */
function simulated(random: Random, seeds: number, spikes: number, cheat: boolean): Claim {
  const score = (data: Float32Array, keep: (i: number) => boolean): number => {
    const [whole, masked] = [data, data.map((x, i) => (keep(i) ? x : 0))].map((own) =>
      svdSync({ data: own, rows: 24, columns: 24 }, { left: 10, right: 10 }),
    );
    return agreementScore(agreementDiagonal(whole, masked));
  };
  const arms: number[][][] = [[], []];
  for (let seed = 0; seed < seeds; seed++) {
    const scores = Array.from({ length: 6 }, () => {
      const { data } = gaussianMatrix(random, 24, 24);
      for (let k = 0; k < spikes; k++) {
        // A few large entries of their own row and column each: what magnitude masks find.
        for (let i = 0; i < 2; i++) data[24 * (2 * k + i) + 2 * k] += 12 - k / 2;
      }
      const largest = [...data].map(Math.abs).sort((a, b) => b - a)[57]; // a tenth
      const byChance = (): boolean => random.uniform() < 0.1;
      const drawn = Array.from(data, byChance);
      const others = Array.from(data, byChance);
      const kept = (i: number): boolean => (cheat ? others[i] : Math.abs(data[i]) >= largest);
      return [score(data, kept), score(data, (i) => drawn[i])];
    });
    arms[0].push(scores.map(([magnitude]) => magnitude));
    arms[1].push(scores.map(([, control]) => control));
  }
  return magnitudeKeepsMore(table(arms), comparison);
}

test("false positives and power: masks drawn at random in both arms never agree; large entries that matter are found", () => {
  for (const seeds of [1, 3]) {
    const random = randomStream(seeds, "figure 10");
    const nothing = countVerdicts(seeds === 1 ? 24 : 8, () => simulated(random, seeds, 10, true));
    assert.ok(
      nothing.agrees === 0 && nothing.disagrees >= (seeds === 1 ? 18 : 6),
      `${seeds}: ${JSON.stringify(nothing)}`,
    );
    const something = countVerdicts(6, () => simulated(random, seeds, 10, false));
    assert.ok(something.agrees === 6, `${seeds}: ${JSON.stringify(something)}`);
  }
});
