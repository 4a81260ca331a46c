import assert from "node:assert/strict";
import { test } from "node:test";
import { SpectralError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import {
  alignmentDiagonal,
  alignmentMatrix,
  alignmentScore,
  leftVectors,
  rightVectors,
  type VectorSet,
} from "spectral-lab/linalg/alignment";
import { svdSync } from "spectral-lab/linalg/engine";
import { distance, filled, simulatedWeights, times } from "./matrices.js";

/** Orthonormal vectors in random directions. */
function randomVectors(count: number, size: number, name: string): VectorSet {
  const random = randomStream(5, name);
  return leftVectors(
    svdSync(
      filled(size, count, () => random.normal()),
      { left: "all" },
    ),
  );
}

function flipped(set: VectorSet): VectorSet {
  return { ...set, data: Array.from(set.data, (x, i) => (Math.floor(i / set.size) % 2 ? -x : x)) };
}

test("a layer whose output directions are the next one's input directions is aligned", () => {
  const u = randomVectors(12, 30, "aligned");
  const matrix = alignmentMatrix(u, u);
  for (let j = 0; j < 12; j++) {
    for (let k = 0; k < 12; k++) assert.ok(Math.abs(matrix[j * 12 + k] - Number(j === k)) < 1e-6);
  }
  assert.ok(Math.abs(alignmentScore(alignmentDiagonal(u, u)) - 1) < 1e-6);
});

test("the diagonal is that of the matrix, as far as both sets reach", () => {
  const [u, v] = [randomVectors(9, 20, "u"), randomVectors(6, 20, "v")];
  const matrix = alignmentMatrix(u, v);
  assert.equal(matrix.length, 54);
  assert.deepEqual(
    alignmentDiagonal(u, v),
    Float64Array.from({ length: 6 }, (_, i) => matrix[i * 6 + i]),
  );
  assert.ok(matrix.every((a) => a >= 0 && a <= 1 + 1e-6));
});

test("signs do not matter, nor does one rotation of both spaces", () => {
  const [u, v] = [randomVectors(8, 15, "u"), randomVectors(8, 15, "v")];
  const expected = alignmentMatrix(u, v);
  assert.ok(distance(alignmentMatrix(flipped(u), v), expected) < 1e-7);
  assert.ok(distance(alignmentMatrix(u, flipped(v)), expected) < 1e-7);
  const rotation = randomVectors(15, 15, "rotation");
  const matrix = { data: Float32Array.from(rotation.data), rows: 15, columns: 15 };
  const rotated = (set: VectorSet): VectorSet => {
    const rows = Array.from({ length: set.count }, (_, i) =>
      Array.from(times(matrix, Array.from(set.data).slice(i * 15, (i + 1) * 15))),
    );
    return { ...set, data: rows.flat() };
  };
  assert.ok(distance(alignmentMatrix(rotated(u), rotated(v)), expected) < 1e-6);
});

test("vectors in random directions align by chance: sqrt(2 / (pi d)) on average", () => {
  const size = 400;
  const matrix = alignmentMatrix(randomVectors(60, size, "a"), randomVectors(60, size, "b"));
  const mean = matrix.reduce((sum, a) => sum + a, 0) / matrix.length;
  const chance = Math.sqrt(2 / (Math.PI * size));
  assert.ok(Math.abs(mean / chance - 1) < 0.05, `${mean} against ${chance}`);
});

test("left and right vectors of a decomposition, one per row", () => {
  const svd = svdSync(simulatedWeights(7, 5, "init"), { left: 3, right: 2 });
  const [u, v] = [leftVectors(svd), rightVectors(svd)];
  assert.deepEqual([u.count, u.size, v.count, v.size], [3, 7, 2, 5]);
  assert.equal(u.data[1 * 7 + 4], svd.U![4 * 3 + 1]);
  assert.equal(v.data[1 * 5 + 4], svd.Vt![9]);
});

test("the score is the mean of the first ten, or of all", () => {
  assert.equal(alignmentScore([...Array<number>(10).fill(0.5), 9, 9]), 0.5);
  assert.equal(alignmentScore([0.25, 0.75]), 0.5);
  assert.throws(() => alignmentScore([]), SpectralError);
});

test("vectors that cannot meet are errors", () => {
  const [u, v] = [randomVectors(2, 4, "u"), randomVectors(2, 5, "v")];
  assert.throws(() => alignmentDiagonal(u, v), /expected vectors of one length, found 4 and 5/);
  assert.throws(() => alignmentMatrix(u, v), SpectralError);
  assert.throws(() => leftVectors(svdSync(filled(2, 2, (i) => i))), /without left vectors/);
  assert.throws(() => rightVectors(svdSync(filled(2, 2, (i) => i))), /without right vectors/);
});
