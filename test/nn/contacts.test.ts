import assert from "node:assert/strict";
import { test } from "node:test";
import { svdSync } from "spectral-lab/linalg/engine";
import { decompositionsOf, pairsOf, sideVectors } from "spectral-lab/nn/contacts";
import type { Contact } from "spectral-lab/nn/model";

const matrix = (rows: number, columns: number): Float32Array =>
  Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(3 * i + 1));

test("a side takes left vectors for outputs, right ones for inputs, and of them the entries it names", () => {
  const svd = svdSync({ data: matrix(4, 6), rows: 4, columns: 6 }, { left: "all", right: "all" });
  const whole = sideVectors({ matrix: "w", space: "output" }, svd);
  assert.deepEqual([whole.count, whole.size], [4, 4]);
  assert.equal(whole.data[4 + 2], svd.U![2 * 4 + 1]); // entry 2 of vector 1
  const take = { start: 1, stride: 2, count: 3 };
  const part = sideVectors({ matrix: "w", space: "input", take }, svd);
  assert.deepEqual([part.count, part.size], [4, 3]);
  assert.deepEqual(
    Array.from(part.data).slice(3, 6),
    [7, 9, 11].map((i) => svd.Vt![i]),
  );
});

test("a side that leaves the vectors, or vectors that were not computed, are errors", () => {
  const svd = svdSync({ data: matrix(4, 6), rows: 4, columns: 6 }, { right: 2 });
  assert.throws(() => sideVectors({ matrix: "w", space: "output" }, svd));
  const take = { start: 1, stride: 2, count: 4 };
  assert.throws(() => sideVectors({ matrix: "w", space: "input", take }, svd), RangeError);
});

test("a contact asks for what its sides read, for every head", () => {
  const head = (h: number): { from: Contact["from"]; to: Contact["to"] } => ({
    from: { matrix: "w", space: "output", rows: [2 * h, 2 * h + 2] },
    to: { matrix: "w", space: "input", columns: [0, 3] },
  });
  const contact: Contact = { name: "q -> k", ...head(0), heads: [head(0), head(1)] };
  assert.equal(pairsOf(contact).length, 2);
  assert.deepEqual(decompositionsOf(contact, 10), [
    { matrix: "w", rows: [0, 2], left: 10, right: "none" },
    { matrix: "w", columns: [0, 3], left: "none", right: 10 },
    { matrix: "w", rows: [2, 4], left: 10, right: "none" },
    { matrix: "w", columns: [0, 3], left: "none", right: 10 },
  ]);
});
