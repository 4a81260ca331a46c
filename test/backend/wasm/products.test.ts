import assert from "node:assert/strict";
import { test } from "node:test";
import { ProductTeam } from "spectral-lab/backend/wasm/product-team";
import { startBackend } from "spectral-lab/backend/start";
import { type Blas, loadBlas, type Product } from "spectral-lab/linalg/blas";
import { messageOf } from "spectral-lab/core/errors";
import { checkProducts } from "./products.js";

let blas: Blas | undefined;
let missing = "";
try {
  blas = loadBlas();
} catch (error) {
  missing = messageOf(error);
}
const skip = blas ? false : missing;

test("wasm: convolutions and products by a BLAS are those of plain JavaScript", { skip }, async () => {
  const { versions, description } = await startBackend({ backend: "wasm" });
  assert.equal(versions.blas, blas!.description);
  assert.match(description, /products by/);
  await checkProducts();
});

test(
  "wasm: products have the same bits on any number of threads, and on grown memory",
  { skip },
  async () => {
    const memory = new WebAssembly.Memory({ initial: 400 });
    const [m, n, k] = [500, 300, 400];
    const [a, b, c] = [0, 4 * m * k, 4 * (m * k + k * n)];
    const plain = {
      transposeA: false,
      transposeB: false,
      add: false,
      count: 1,
      strideA: 0,
      strideB: 0,
      strideC: 0,
    };
    const one: Product = { ...plain, m, n, k, a, b, c, pitchA: k, pitchB: n, pitchC: n };
    const many: Product = {
      ...one,
      m: 20,
      n: 300,
      k: 400,
      pitchA: k,
      count: 25,
      strideA: 20 * k,
      strideC: 20 * n,
    };
    const fill = (): void => {
      const numbers = new Float32Array(memory.buffer, 0, m * k + k * n);
      numbers.forEach((_, i) => (numbers[i] = ((i * 7919) % 1009) / 1009 - 0.5));
    };
    fill();
    const results: Float32Array[] = [];
    for (const threads of [1, 2, 4]) {
      const team = new ProductTeam(blas!, memory, threads);
      memory.grow(1);
      for (const product of [one, many, one]) {
        new Float32Array(memory.buffer, c, m * n).fill(NaN);
        team.multiply([product]);
        results.push(new Float32Array(memory.buffer, c, m * n).slice());
      }
      await team.close();
    }
    for (const i of results.keys()) assert.deepEqual(results[i], results[i % 3]);
    let sum = 0;
    const x = new Float32Array(memory.buffer);
    for (let l = 0; l < k; l++) sum += x[a / 4 + 3 * k + l] * x[b / 4 + l * n + 5];
    assert.ok(Math.abs(results[0][3 * n + 5] - sum) < 1e-4);
  },
);
