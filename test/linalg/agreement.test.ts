import assert from "node:assert/strict";
import { test } from "node:test";
import { SpectralError } from "spectral-lab/core/errors";
import {
  agreementDiagonal,
  agreementMatrix,
  agreementScore,
  resolved,
  resolvedPairs,
} from "spectral-lab/linalg/agreement";
import { svdSync } from "spectral-lab/linalg/engine";
import type { Svd } from "spectral-lab/linalg/svd";
import { distance, simulatedWeights } from "./matrices.js";

const decompose = (rows: number, columns: number, seed: number, count = 12): Svd =>
  svdSync(simulatedWeights(rows, columns, "decayed", seed), { left: count, right: count });

test("a matrix agrees with itself, whatever the signs and the scale", () => {
  const matrix = simulatedWeights(30, 20, "decayed");
  const a = svdSync(matrix, { left: 12, right: 12 });
  const b = svdSync({ ...matrix, data: matrix.data.map((x) => -2 * x) }, { left: 12, right: 12 });
  for (const other of [a, b]) {
    const S = agreementMatrix(a, other);
    for (let j = 0; j < 12; j++) {
      for (let k = 0; k < 12; k++) assert.ok(Math.abs(S[j * 12 + k] - Number(j === k)) < 1e-5);
    }
    assert.ok(Math.abs(agreementScore(agreementDiagonal(a, other)) - 1) < 1e-5);
  }
});

test("Eqn 5 as printed: inner products of rank-one matrices", () => {
  const [a, b] = [decompose(9, 6, 1, 4), decompose(9, 6, 2, 4)];
  const S = agreementMatrix(a, b);
  for (let j = 0; j < 4; j++) {
    for (let k = 0; k < 4; k++) {
      let sum = 0;
      for (let r = 0; r < 9; r++) {
        for (let c = 0; c < 6; c++) {
          sum += a.U![r * 4 + j] * a.Vt![j * 6 + c] * b.U![r * 4 + k] * b.Vt![k * 6 + c];
        }
      }
      assert.ok(Math.abs(S[j * 4 + k] - Math.abs(sum)) < 1e-12);
    }
  }
  assert.deepEqual(
    agreementDiagonal(a, b),
    Float64Array.from({ length: 4 }, (_, i) => S[i * 5]),
  );
});

test("symmetric, in [0, 1], and near 0 for unrelated matrices", () => {
  const [a, b] = [decompose(60, 50, 1), decompose(60, 50, 2)];
  const [S, T] = [agreementMatrix(a, b), agreementMatrix(b, a)];
  const transposed = S.map((_, i) => S[(i % 12) * 12 + Math.floor(i / 12)]);
  assert.ok(distance(T, transposed) < 1e-12);
  assert.ok(S.every((x) => x >= 0 && x <= 1));
  assert.ok(agreementScore(agreementDiagonal(a, b)) < 0.1);
});

test("count limits the pairs; fewer vectors than asked for is all there are", () => {
  const [a, b] = [decompose(9, 6, 1, 4), decompose(9, 6, 1, 3)];
  assert.equal(agreementDiagonal(a, b).length, 3);
  assert.equal(agreementMatrix(a, b, 2).length, 4);
});

test("pairs that are only rounding, beyond a matrix's rank, agree with nothing: NaN", () => {
  const data = Float32Array.from(
    { length: 54 },
    (_, i) => Math.sin(i % 6) * (1 + Math.floor(i / 6)) + Number(i === 0),
  );
  const svd = svdSync({ rows: 9, columns: 6, data }, { left: 4, right: 4 }); // of rank 2
  assert.equal(resolvedPairs(svd.s), 2);
  const low = resolved(svd);
  const diagonal = agreementDiagonal(low, low);
  assert.deepEqual([...diagonal].map(Number.isNaN), [false, false, true, true]);
  assert.ok(Math.abs(diagonal[1] - 1) < 1e-5);
  assert.ok(Number.isNaN(agreementScore(diagonal)));
  const full = decompose(9, 6, 1, 2);
  assert.equal(resolved(full), full);
  const S = agreementMatrix(low, decompose(9, 6, 1, 4));
  assert.deepEqual([...S.subarray(4)].map(Number.isNaN), [...Array(4).fill(false), ...Array(8).fill(true)]); // prettier-ignore
  assert.equal(resolvedPairs(new Float64Array(5)), 0);
});

test("matrices that cannot be compared are errors", () => {
  const a = decompose(9, 6, 1, 4);
  assert.throws(() => agreementDiagonal(a, decompose(6, 9, 1, 4)), /one shape, found 9 x 6 and 6 x 9/);
  assert.throws(() => agreementMatrix(a, svdSync(simulatedWeights(9, 6, "init"))), SpectralError);
});
