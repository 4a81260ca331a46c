import assert from "node:assert/strict";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { spectraOf } from "spectral-lab/analysis/checkpoint-spectra";
import { randomStream } from "spectral-lab/core/random";
import { agreementDiagonal, agreementScore } from "spectral-lab/linalg/agreement";
import { svdSync } from "spectral-lab/linalg/engine";
import { f32, raw, writeForeign, type ForeignTensor } from "../store/foreign-file.js";
import { temporaryFolder } from "../store/temporary-folder.js";

const [ROWS, COLUMNS] = [14, 12];

function noise(seed: number): number[] {
  const random = randomStream(seed, "checkpoint-spectra");
  return Array.from({ length: ROWS * COLUMNS }, () => random.normal());
}

const matrix = (values: readonly number[]): ForeignTensor => f32([ROWS, COLUMNS], values);

/** Writes checkpoints by step, out of order. @returns their paths */
function series(
  t: TestContext,
  steps: Readonly<Record<number, Readonly<Record<string, ForeignTensor>>>>,
): string[] {
  const folder = temporaryFolder(t);
  const paths = Object.entries(steps).map(([step, tensors]) => {
    const path = join(folder, `step${step}.safetensors`);
    writeForeign(path, tensors);
    return path;
  });
  return paths.reverse();
}

test("along steps: ranks, agreement with the last, and what did not change", async (t) => {
  const [a, b, c] = [noise(1), noise(2), noise(3)];
  const paths = series(t, {
    2: { w: matrix(a), frozen: matrix(c), ids: raw("I64", [2, 2], 32) },
    10: { w: matrix(b), frozen: matrix(c), late: matrix(a) },
    30: { frozen: matrix(c), w: matrix(a) },
  });
  const { ranks, agreement, spectra, skipped, faults, equal } = await spectraOf(paths);
  const [first, second] = [a, b].map((values) =>
    svdSync({ data: Float32Array.from(values), rows: ROWS, columns: COLUMNS }, { left: 10, right: 10 }),
  );
  const expected = agreementScore(agreementDiagonal(second, first));
  const scores = (name: string): unknown[] =>
    agreement.objects().flatMap((row) => {
      const { matrix, step, score } = row as { matrix: string; step: number; score: number };
      return matrix === name ? [[step, Number(score.toFixed(5))]] : [];
    });
  assert.deepEqual(scores("w"), [[2, 1], [10, Number(expected.toFixed(5))], [30, 1]]); // prettier-ignore
  assert.ok(expected < 0.5);
  assert.deepEqual(scores("frozen"), [[2, 1], [10, 1], [30, 1]]); // prettier-ignore
  assert.deepEqual(scores("late"), [[10, NaN]]); // the last step has none
  assert.deepEqual(equal, [
    "steps 2 and 10: equal in 1 of 3 matrices: frozen",
    "steps 2 and 30: equal in all 2 matrices",
  ]);
  assert.deepEqual(
    ranks.objects().map((row) => {
      const { matrix, step, depth, equalTo } = row as Record<string, unknown>;
      return [matrix, step, depth, equalTo];
    }),
    [
      ["frozen", 2, 0, null],
      ["frozen", 10, 0, 2],
      ["frozen", 30, 0, 2],
      ["w", 2, 1, null],
      ["w", 10, 1, null],
      ["w", 30, 1, 2],
      ["late", 10, 2, null],
    ],
  );
  assert.equal(spectra.numRows(), 7 * COLUMNS);
  assert.ok(Math.abs((spectra.get("value", 3 * COLUMNS) as number) / first.s[0] - 1) < 1e-6);
  assert.equal(skipped.get("why", 0), "integers: codes, indices or masks, not weights");
  assert.deepEqual(faults, []);
});

test("a step that cannot be read, and a matrix that diverged, stop nobody", async (t) => {
  const diverged = noise(1);
  diverged[20] = NaN;
  const paths = series(t, {
    1: { w: matrix(noise(1)) },
    2: { w: matrix(diverged) },
    3: { w: matrix(noise(1)) },
    4: { w: matrix(noise(2)) },
  });
  truncateSync(paths[1], 40);
  const { ranks, skipped, faults } = await spectraOf(paths);
  assert.deepEqual(ranks.array("step"), [1, 4]);
  assert.match(String(skipped.get("why", 0)), /non-finite: NaN at row 1, column 8/);
  assert.equal(skipped.get("step", 0), 2);
  assert.equal(faults.length, 1);
  assert.match(faults[0], /step3\.safetensors: expected a safetensors file/);
  for (const path of paths) writeFileSync(path, "");
  await assert.rejects(spectraOf(paths), /step1\.safetensors/);
});

test("matrices of low rank agree with nothing: their singular vectors are arbitrary", async (t) => {
  const rankOne = Array.from({ length: ROWS * COLUMNS }, (_, i) => 1 + (i % COLUMNS));
  const paths = series(t, { 1: { w: matrix(rankOne) }, 2: { w: matrix(noise(1)) } });
  const { agreement } = await spectraOf(paths);
  assert.deepEqual(
    (agreement.array("score") as number[]).map((score) => Math.round(score * 1e4) / 1e4),
    [NaN, 1],
  );
});

test("one checkpoint alone has no step and no agreement", async (t) => {
  const [path] = series(t, { 5: { w: matrix(noise(4)), stack: f32([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 9]) } });
  let reached = 0;
  const { ranks, spectra, agreement } = await spectraOf(path, {
    only: (name) => name === "stack[1]",
    onProgress: ({ index, count, done }) => {
      assert.equal(index, reached++);
      assert.equal(count, 3);
      assert.ok(done >= 0 && done < 1);
    },
  });
  assert.equal(reached, 3);
  assert.deepEqual(ranks.array("matrix"), ["w", "stack[0]", "stack[1]"]);
  assert.deepEqual(ranks.array("step"), [null, null, null]);
  assert.ok(Number(ranks.get("alpha", 0)) > 1 && Number(ranks.get("mpEdge", 0)) > 1);
  assert.deepEqual(spectra.array("matrix"), ["stack[1]", "stack[1]"]);
  assert.equal(agreement.numRows(), 0);
});
