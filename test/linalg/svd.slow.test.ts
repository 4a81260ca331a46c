import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { SvdPool } from "spectral-lab/linalg/pool";
import type { Matrix, Svd } from "spectral-lab/linalg/svd";
import { longestPause } from "./event-loop.js";
import { times } from "./matrices.js";

const [ROWS, COLUMNS] = [50_257, 768];

/** An embedding table: noise under a few strong directions. */
function embedding(): Matrix {
  const random = randomStream(1, "embedding");
  const strong = Array.from({ length: 8 }, () =>
    Float32Array.from({ length: COLUMNS }, () => random.normal()),
  );
  const data = new Float32Array(ROWS * COLUMNS);
  for (let i = 0; i < ROWS; i++) {
    const weights = strong.map((_, k) => random.normal() / (1 + k));
    for (let j = 0; j < COLUMNS; j++) {
      let x = random.uniform(-1, 1);
      for (let k = 0; k < strong.length; k++) x += weights[k] * strong[k][j];
      data[i * COLUMNS + j] = x;
    }
  }
  return { data, rows: ROWS, columns: COLUMNS };
}

test("a table of 50,257 x 768, 154 MB, without holding the calling thread", async () => {
  const matrix = embedding();
  for (const engine of ["wasm", "auto"] as const) {
    let svd: Svd | undefined;
    await longestPause(25, async () => {
      const pool = new SvdPool({ engine, threads: 1 });
      svd = await pool.svd(matrix, { left: 100, right: 100, name: "encoder.weight" });
      await pool.close();
    });
    checkLeading(matrix, svd!);
  }
});

/** s_j = |A v_j|, A v_j = s_j u_j, |A|_F^2 = sum s^2, and orthonormal vectors. */
function checkLeading(matrix: Matrix, { s, U, Vt, leftCount }: Svd): void {
  const squares = matrix.data.reduce((sum, x) => sum + x * x, 0);
  assert.ok(Math.abs(s.reduce((sum, x) => sum + x * x, 0) / squares - 1) < 1e-9);
  const u = (j: number) => Float64Array.from({ length: ROWS }, (_, i) => U![i * leftCount + j]);
  const dot = (x: Float64Array, y: Float64Array) => x.reduce((sum, xi, i) => sum + xi * y[i], 0);
  for (const j of [0, 1, 7, 8, 50, 99]) {
    const image = times(matrix, Vt!.subarray(j * COLUMNS, (j + 1) * COLUMNS));
    const uj = u(j);
    assert.ok(Math.abs(Math.sqrt(dot(image, image)) - s[j]) < 1e-6 * s[0]);
    assert.ok(Math.max(...image.map((x, i) => Math.abs(x - s[j] * uj[i])).slice(0, 50_000)) < 1e-6 * s[0]);
    for (const k of [0, 8, 99]) assert.ok(Math.abs(dot(uj, u(k)) - Number(j === k)) < 1e-6);
  }
}
