import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream, type Random } from "spectral-lab/core/random";
import { gaussianMatrix } from "spectral-lab/linalg/random-matrix";
import { effectiveRank, stableRank } from "spectral-lab/linalg/spectrum";
import { svdSync } from "spectral-lab/linalg/engine";
import type { Matrix } from "spectral-lab/linalg/svd";
import type { Claim } from "spectral-lab/paper/claim";
import { rankFalls } from "spectral-lab/paper/claims/figure3";
import { countVerdicts } from "../count-verdicts.js";

/** What the ranks table says of a matrix. */
function measured(matrix: Matrix): object {
  const { s } = svdSync(matrix);
  return {
    effectiveRank: effectiveRank(s),
    stableRank: stableRank(s),
    largest: s[0],
    frobenius: Math.hypot(...s),
  };
}

const shapes = [
  [12, 12],
  [12, 12],
  [24, 24],
  [24, 60],
  [24, 60],
];

/** Networks of the shapes above, first and last moment: what training does to a matrix is `train`. */
function claimOf(random: Random, seeds: number, train: (matrix: Matrix, random: Random) => Matrix): Claim {
  const rows: object[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    shapes.forEach(([m, n], depth) => {
      const start = gaussianMatrix(random, m, n);
      const origin = { task: "t", seed, matrix: `W${depth}`, depth };
      rows.push(
        { ...origin, step: 0, ...measured(start) },
        { ...origin, step: 9, ...measured(train(start, random)) },
      );
    });
  }
  return rankFalls(aq.from(rows), { task: "t" });
}

const walk = (matrix: Matrix, random: Random): Matrix => ({
  ...matrix,
  data: matrix.data.map((value) => value + random.normal(0, 2 / Math.sqrt(matrix.columns))),
});
/** The first tenth of the rows counts ten times as much. */
const collapse = (matrix: Matrix): Matrix => ({
  ...matrix,
  data: matrix.data.map((value, i) => (i < matrix.data.length / 6 ? 20 * value : value)),
});

/** One row per matrix, seed and moment, without sizes. */
function table(falls: readonly (readonly number[])[], sized = false): ReturnType<typeof aq.from> {
  return aq.from(
    falls.flatMap((seeds, depth) =>
      seeds.flatMap((fall, seed) =>
        [0, 1].map((step) => ({
          task: "t",
          seed,
          step,
          matrix: `W${depth}`,
          effectiveRank: 0.9 + 0.0005 * depth + 0.0002 * seed - step * fall,
          ...(sized ? { stableRank: 0.25, largest: 1, frobenius: 4 } : {}),
        })),
      ),
    ),
  );
}
const of = (falls: readonly (readonly number[])[], sized = false): Claim =>
  rankFalls(table(falls, sized), { task: "t" });
const repeated = (count: number, falls: readonly number[]): (readonly number[])[] =>
  Array.from({ length: count }, () => falls);

test("a mean fall of 0.0015 in every matrix is no agreement, a fall of 0.1 is", () => {
  assert.equal(of(repeated(17, [0.0015, 0.0015])).verdict, "disagrees");
  const claim = of(repeated(17, [0.1, 0.11]));
  assert.equal(claim.verdict, "agrees");
  assert.deepEqual([claim.numbers.fell, claim.numbers.matrices], [17, 17]);
  assert.ok(Math.abs(claim.numbers.meanFall - 0.105) < 1e-12);
  assert.match(claim.effect, /0.105 ± 0.00707 \(2 seeds\)/);
});

test("rising, or falling in some of the matrices only", () => {
  assert.equal(of(repeated(10, [-0.1, -0.1])).verdict, "disagrees");
  assert.equal(of([...repeated(7, [0.1, 0.1]), ...repeated(3, [-0.1, -0.1])]).verdict, "undecided");
  assert.equal(of([...repeated(4, [0.1, 0.1]), ...repeated(6, [0, 0])]).verdict, "disagrees");
});

test("falls that seeds do not share decide nothing", () => {
  assert.equal(of(repeated(10, [0.3, -0.2])).verdict, "undecided");
});

test("one seed: matrices of equal size are draws of each other; without any, undecided and said", () => {
  const alone = of(repeated(5, [0.1]));
  assert.equal(alone.verdict, "undecided");
  assert.match(alone.effect, /one seed: no spread.*no size has a second draw/);
  const sized = of(repeated(5, [0.1]), true);
  assert.equal(sized.verdict, "agrees");
  assert.ok(sized.numbers.randomWalk > 0 && sized.numbers.randomWalk < 0.01);
});

test("a matrix with one singular value has no rank to lose", () => {
  const rows = table(repeated(3, [0.1, 0.1]), true).objects() as { matrix: string }[];
  const single = rows.map((row) =>
    row.matrix === "W0" ? { ...row, stableRank: 1, frobenius: 1, effectiveRank: 1 } : row,
  );
  assert.equal(rankFalls(aq.from(single), { task: "t" }).numbers.matrices, 2);
});

test("a random walk changes rank no more than two draws differ", () => {
  const random = randomStream(0, "walks");
  const changes = Array.from({ length: 200 }, () => {
    const start = gaussianMatrix(random, 24, 24);
    const ranks = [start, walk(start, random), gaussianMatrix(random, 24, 24)].map((matrix) =>
      effectiveRank(svdSync(matrix).s),
    );
    return { walked: ranks[1] - ranks[0], drawn: ranks[2] - ranks[0] };
  });
  const size = (name: "walked" | "drawn"): number =>
    Math.sqrt(changes.reduce((sum, own) => sum + own[name] ** 2, 0) / 200);
  assert.ok(size("walked") < 1.1 * size("drawn"), `${size("walked")} against ${size("drawn")}`);
  const bias = changes.reduce((sum, { walked }) => sum + walked, 0) / 200;
  assert.ok(Math.abs(bias) < (3 * size("walked")) / Math.sqrt(200));
});

test("false positives and power: no walk agrees, a collapse onto a sixth of the rows does", () => {
  // With one seed there are but two draws of some sizes: the random walk's 97.5 % are then wide, and power is low.
  for (const [seeds, found] of [
    [1, 0],
    [2, 18],
    [4, 19],
  ]) {
    const random = randomStream(seeds, "null");
    const nothing = countVerdicts(60, () => claimOf(random, seeds, walk));
    assert.equal(nothing.agrees, 0);
    const something = countVerdicts(20, () => claimOf(random, seeds, collapse));
    const words = `${seeds} seeds: ${JSON.stringify(something)}`;
    assert.ok(something.agrees >= found && something.disagrees === 0, words);
  }
});

test("an experiment without rows is undecided", () => {
  assert.equal(rankFalls(table([[0.1]]), { task: "missing" }).verdict, "undecided");
});
