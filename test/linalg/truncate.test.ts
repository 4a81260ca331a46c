import assert from "node:assert/strict";
import { test } from "node:test";
import { SpectralError } from "spectral-lab/core/errors";
import { svdSync, type Matrix, type Svd } from "spectral-lab/linalg/svd";
import { topHalf, truncate } from "spectral-lab/linalg/truncate";
import { distance, simulatedWeights } from "./matrices.js";

const SHAPES = [
  [12, 12],
  [9, 9],
  [30, 7],
  [7, 30],
  [5, 600],
  [600, 5],
  [1, 8],
  [8, 1],
] as const;

/** Vectors of the short side alone. */
function shortSide(matrix: Matrix): Svd {
  const side = matrix.rows >= matrix.columns ? "right" : "left";
  return svdSync(matrix, { [side]: topHalf(matrix.rows, matrix.columns) });
}

test("the top half has the leading ceil(R/2) triplets, the bottom half the others", () => {
  for (const [rows, columns] of SHAPES) {
    const matrix = simulatedWeights(rows, columns, "trained");
    const full = svdSync(matrix, { left: "all", right: "all" });
    const rank = Math.min(rows, columns);
    const k = Math.ceil(rank / 2);
    const sum = (from: number, to: number) =>
      Float32Array.from({ length: rows * columns }, (_, i) => {
        let x = 0;
        for (let t = from; t < to; t++) {
          const [row, column] = [Math.floor(i / columns), i % columns];
          x += full.U![row * rank + t] * full.s[t] * full.Vt![t * columns + column];
        }
        return x;
      });
    const tolerance = 1e-6 * full.s[0];
    assert.ok(
      distance(truncate(matrix, shortSide(matrix), "top"), sum(0, k)) < tolerance,
      `top of ${rows} x ${columns}`,
    );
    assert.ok(distance(truncate(matrix, shortSide(matrix), "bottom"), sum(k, rank)) < tolerance);
  }
});

test("the halves have the halves of the spectrum, and add up to the matrix", () => {
  const matrix = simulatedWeights(20, 13, "init");
  const { s } = svdSync(matrix);
  const [top, bottom] = (["top", "bottom"] as const).map((half) => truncate(matrix, shortSide(matrix), half));
  const values = (data: Float32Array) => svdSync({ ...matrix, data }).s;
  assert.ok(
    distance(
      values(top),
      s.map((x, i) => (i < 7 ? x : 0)),
    ) < 1e-6,
  );
  assert.ok(
    distance(
      values(bottom),
      s.map((_, i) => (i < 6 ? s[i + 7] : 0)),
    ) < 1e-6,
  );
  assert.ok(
    distance(
      matrix.data.map((_, i) => top[i] + bottom[i]),
      matrix.data,
    ) < 1e-6,
  );
});

test("either side serves a square matrix; more vectors than needed do no harm; the input stays", () => {
  const matrix = simulatedWeights(10, 10, "trained");
  const before = matrix.data.slice();
  const [left, right] = [svdSync(matrix, { left: "all" }), svdSync(matrix, { right: "all" })];
  assert.ok(distance(truncate(matrix, left, "top"), truncate(matrix, right, "top")) < 1e-6);
  assert.deepEqual(matrix.data, before);
});

test("too few vectors, or those of another matrix, are errors", () => {
  const matrix = simulatedWeights(10, 6, "init");
  assert.throws(
    () => truncate(matrix, svdSync(matrix, { right: 2 }), "top"),
    /expected 3 right singular vectors/,
  );
  assert.throws(
    () => truncate(matrix, svdSync(matrix, { left: "all" }), "top"),
    /expected 3 right singular vectors/,
  );
  const other = svdSync(simulatedWeights(6, 10, "init"), { left: "all" });
  assert.throws(
    () => truncate(matrix, other, "top"),
    (e) => e instanceof SpectralError && /found 6 x 10/.test(e.message),
  );
});
