import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { type Random, randomStream } from "spectral-lab/core/random";
import { agreementDiagonal } from "spectral-lab/linalg/agreement";
import { svdSync } from "spectral-lab/linalg/engine";
import { gaussianMatrix } from "spectral-lab/linalg/random-matrix";
import type { Matrix } from "spectral-lab/linalg/svd";
import type { Claim } from "spectral-lab/paper/claim";
import { topSettlesFirst } from "spectral-lab/paper/claims/figure9";
import { countVerdicts } from "../count-verdicts.js";

const facets = { task: "t" };

/** Agreement of ranks 1, 2, ... at each step, of one matrix in one seed. */
function rows(seed: number, matrix: string, courses: readonly (readonly number[])[]): object[] {
  return courses.flatMap((ranks, step) =>
    ranks.map((value, i) => ({ ...facets, seed, step, matrix, rank: i + 1, value })),
  );
}

/** Twenty ranks of which the first ten agree from step `top` of 10 on, the others from `bottom` on. */
const switching = (top: number, bottom: number): number[][] =>
  Array.from({ length: 11 }, (_, step) =>
    Array.from({ length: 20 }, (_, i) => Number(step >= (i < 10 ? top : bottom))),
  );

/** Six matrices, in each seed with its own courses. */
const of = (courses: readonly (readonly (readonly number[])[])[]): Claim => {
  const all = courses.flatMap((own, seed) =>
    Array.from({ length: 6 }, (_, i) => rows(seed, `W${i}`, own)).flat(),
  );
  return topSettlesFirst(aq.from(all), facets);
};

test("the mean over training and the time to a half, by hand", () => {
  const claim = of([switching(2, 8)]);
  // From step 2 of 10 on: 8 whole steps and half of the one before it.
  const { top, bottom, difference, halfTop, halfBottom, matrices, probability } = claim.numbers;
  [
    [top, 0.85],
    [bottom, 0.25],
    [difference, 0.6],
    [halfTop, 0.2],
    [halfBottom, 0.8],
    [matrices, 6],
    [probability, 1 / 64],
  ].forEach(([found, expected]) => assert.ok(Math.abs(found - expected) < 1e-12, `${found}, ${expected}`));
  assert.equal(claim.verdict, "agrees");
  assert.match(
    claim.effect,
    /0\.85 \(one seed: no spread\) of ranks 1 to 10 .* after 20 % and 80 % of training/,
  );
});

test("later, alike, or not in every seed", () => {
  assert.equal(of([switching(8, 2)]).verdict, "disagrees");
  assert.equal(of([switching(5, 5), switching(5, 5)]).verdict, "disagrees");
  assert.equal(of([switching(4, 5)]).verdict, "undecided");
  assert.equal(of([switching(2, 8), switching(3, 8)]).verdict, "agrees");
  assert.equal(of([switching(1, 9), switching(5, 5)]).verdict, "undecided", "seeds differ");
});

test("fewer than twenty ranks, or ranks that are rounding, are not compared", () => {
  const few = switching(2, 8).map((ranks) => ranks.slice(1));
  const claim = of([few]);
  assert.deepEqual([claim.verdict, claim.numbers.matrices], ["undecided", 0]);
  assert.match(claim.effect, /no matrix has 20 singular vectors/);
  const collapsed = switching(2, 8).map((ranks, step) =>
    ranks.map((x, i) => (i === 19 && step === 3 ? NaN : x)),
  );
  assert.equal(of([collapsed]).numbers.matrices, 0);
  assert.equal(topSettlesFirst(aq.from(rows(0, "W", few)), { task: "other" }).verdict, "undecided");
});

test("two runs of one seed are never mixed", () => {
  const twice = aq.from([...rows(0, "W", switching(2, 8)), ...rows(0, "W", switching(2, 8))]);
  assert.throws(() => topSettlesFirst(twice, facets), /found several for seed 0 at step 0/);
});

type Change = (matrix: Matrix, step: number, random: Random) => Float32Array;

const shapes = [
  [22, 22],
  [22, 44],
  [24, 24],
  [30, 22],
  [22, 22],
];

/** Networks of five matrices over seven moments, changed by `change` from each to the next. */
function simulated(random: Random, seeds: number, change: Change): Claim {
  const all: object[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    for (const [i, [m, n]] of shapes.entries()) {
      const course = [gaussianMatrix(random, m, n)];
      for (let step = 1; step < 7; step++) {
        const last = course[course.length - 1];
        course.push({ ...last, data: change(last, step, random) });
      }
      const svds = course.map((matrix) => svdSync(matrix, { left: 20, right: 20 }));
      all.push(...rows(seed, `W${i}`, svds.map((svd) => [...agreementDiagonal(svd, svds[6])]))); // prettier-ignore
    }
  }
  return topSettlesFirst(aq.from(all), facets);
}

/** Adds independent numbers to all entries; `size(step)` is their standard deviation in units of a fresh matrix'. */
const noise =
  (size: (step: number) => number): Change =>
  (matrix, step, random) =>
    matrix.data.map((x) => x + (size(step) * random.normal()) / Math.sqrt(matrix.columns));

/** A random walk, a smaller one, one whose steps shrink, and one that forgets. */
const walks: Readonly<Record<string, Change>> = {
  walk: noise(() => 0.4),
  "small walk": noise(() => 0.05),
  settling: noise((step) => 0.8 * Math.exp(-step / 2)),
  forgetting: (matrix, _, random) =>
    matrix.data.map((x) => 0.8 * x + (0.5 * random.normal()) / Math.sqrt(matrix.columns)),
};

test("weights that walk at random settle by rank, but never by enough", () => {
  for (const [name, change] of Object.entries(walks)) {
    const random = randomStream(1, `figure 9 ${name}`);
    const counts = countVerdicts(6, () => simulated(random, 1, change));
    assert.equal(counts.agrees, 0, `${name}: ${JSON.stringify(counts)}`);
  }
  const random = randomStream(3, "figure 9 walk");
  assert.equal(countVerdicts(3, () => simulated(random, 3, walks.walk)).agrees, 0);
});

/** Ten fixed directions, nearly orthogonal, are added at each step, the first most; noise goes on. */
const learning: Change = (matrix, step, random) => {
  const { rows: m, columns: n } = matrix;
  const grown = noise(() => 0.15)(matrix, step, random);
  for (let k = 0; k < 10; k++) {
    const waves = [m, n].map((size) =>
      Array.from({ length: size }, (_, i) => Math.cos((Math.PI * (k + 1) * (i + 0.5)) / size)),
    );
    const strength = (2 * (14 - k)) / Math.sqrt(m * n);
    for (let r = 0; r < m; r++)
      for (let c = 0; c < n; c++) grown[r * n + c] += strength * waves[0][r] * waves[1][c];
  }
  return grown;
};

test("directions that are learned above noise that goes on are found", () => {
  for (const seeds of [1, 3]) {
    const random = randomStream(seeds, "figure 9 learning");
    const counts = countVerdicts(4, () => simulated(random, seeds, learning));
    assert.equal(counts.agrees, 4, `${seeds} seeds: ${JSON.stringify(counts)}`);
  }
});
