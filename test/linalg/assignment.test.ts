import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { assign, assignInBlocks, type Assignment } from "spectral-lab/linalg/assignment";

/** The least cost over all orders of n columns. */
function bruteForce(costs: Float64Array, n: number, row = 0, used = 0): number {
  if (row === n) return 0;
  let least = Infinity;
  for (let j = 0; j < n; j++) {
    if (used & (1 << j)) continue;
    least = Math.min(least, costs[row * n + j] + bruteForce(costs, n, row + 1, used | (1 << j)));
  }
  return least;
}

const costOf = (costs: Float64Array, n: number, { columns }: Assignment): number =>
  columns.reduce((sum, j, i) => sum + costs[i * n + j], 0);

/** Prices that no entry undercuts and that assigned entries meet prove that no assignment is cheaper. */
function assertOptimal(costs: Float64Array, n: number, found: Assignment, tolerance: number): void {
  const { columns, rowPrices, columnPrices } = found;
  assert.deepEqual(
    [...columns].sort((a, b) => a - b),
    Array.from({ length: n }, (_, i) => i),
  );
  let least = Infinity;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) least = Math.min(least, costs[i * n + j] - rowPrices[i] - columnPrices[j]);
  assert.ok(least >= -tolerance, `reduced cost ${least}`);
  columns.forEach((j, i) => {
    const reduced = costs[i * n + j] - rowPrices[i] - columnPrices[j];
    assert.ok(Math.abs(reduced) <= tolerance, `row ${i}: ${reduced}`);
  });
}

const random = randomStream(1, "assignment");
const draws: Record<string, (n: number) => Float64Array> = {
  uniform: (n) => Float64Array.from({ length: n * n }, () => random.uniform(-1, 1)),
  "few different": (n) => Float64Array.from({ length: n * n }, () => random.integer(3) - 1),
  "equal rows": (n) => {
    const rows = [0, 1].map(() => Float64Array.from({ length: n }, () => random.normal()));
    return Float64Array.from({ length: n * n }, (_, k) => rows[Math.floor(k / n) % 2][k % n]);
  },
  "all equal": (n) => new Float64Array(n * n).fill(-7),
  "of all sizes": (n) =>
    Float64Array.from({ length: n * n }, () => random.normal() * 10 ** random.integer(7)),
};

for (const [name, draw] of Object.entries(draws)) {
  test(`the assignment is the cheapest of all, up to 7 x 7: ${name}`, () => {
    for (let n = 1; n <= 7; n++) {
      for (let repeat = 0; repeat < (n < 6 ? 30 : 4); repeat++) {
        const costs = draw(n);
        const before = costs.slice();
        const found = assign(costs, n);
        assert.deepEqual(costs, before);
        assertOptimal(costs, n, found, 1e-9);
        const least = bruteForce(costs, n);
        assert.ok(
          Math.abs(costOf(costs, n, found) - least) < 1e-8,
          `${n}: ${costOf(costs, n, found)}, ${least}`,
        );
      }
    }
  });

  test(`prices prove it at 200 x 200: ${name}`, () => {
    const costs = draw(200);
    assertOptimal(costs, 200, assign(costs, 200), 1e-8);
  });
}

test("512 x 512 is quick, and a planted assignment is found among near misses", () => {
  const n = 512;
  const order = random.permutation(n);
  const costs = Float64Array.from({ length: n * n }, () => random.uniform());
  order.forEach((j, i) => (costs[i * n + j] = -1e-3 * random.uniform()));
  const found = assign(costs, n);
  assert.deepEqual(found.columns, order);
  // Products, as of vectors that all point one way: the hardest kind, in which every row wants the same columns.
  const [x, y] = [0, 1].map(() => Float64Array.from({ length: n }, () => random.uniform()).sort());
  const products = Float64Array.from({ length: n * n }, (_, k) => -x[Math.floor(k / n)] * y[k % n]);
  const sorted = assign(products, n);
  assertOptimal(products, n, sorted, 1e-9);
  assert.deepEqual(
    [...sorted.columns],
    Array.from({ length: n }, (_, i) => i),
  );
});

test("in blocks: the cheapest of all assignments that keep them together", () => {
  const kept = (columns: readonly number[], blocks: readonly number[]): boolean =>
    blocks.every((size) =>
      columns.every((column, i) => Math.floor(column / size) === Math.floor(columns[i - (i % size)] / size)),
    );
  for (const [n, blocks] of [
    [4, [2]],
    [6, [3]],
    [6, [2]],
    [8, [4, 2]],
  ] as const) {
    const allowed = ordersOf(n).filter((columns) => kept(columns, blocks));
    for (let repeat = 0; repeat < 5; repeat++) {
      const costs = Float64Array.from({ length: n * n }, () => random.normal());
      const total = (columns: ArrayLike<number>): number =>
        Array.from(columns).reduce((sum, column, i) => sum + costs[i * n + column], 0);
      const found = assignInBlocks(costs, n, blocks);
      assert.ok(kept([...found], blocks), found.join(" "));
      assert.equal(new Set(found).size, n);
      const least = Math.min(...allowed.map(total));
      assert.ok(Math.abs(total(found) - least) < 1e-9, `${n}, ${blocks.join(" ")}`);
    }
  }
  assert.deepEqual(assignInBlocks(Float64Array.of(4, 1, 2, 3), 2), Int32Array.of(1, 0));
});

/** All orders of 0 to n - 1. */
function ordersOf(n: number): number[][] {
  if (n === 0) return [[]];
  return ordersOf(n - 1).flatMap((order) =>
    Array.from({ length: n }, (_, place) => [...order.slice(0, place), n - 1, ...order.slice(place)]),
  );
}

test("none, and what is no square of finite numbers", () => {
  assert.deepEqual(assign(new Float64Array(0), 0).columns, new Int32Array(0));
  assert.throws(() => assign(new Float64Array(5), 2), { message: /expected 2 x 2 costs, found 5 numbers/ });
  for (const wrong of [NaN, Infinity, -Infinity]) {
    const costs = Float64Array.of(1, 2, 3, wrong);
    assert.throws(() => assign(costs, 2), {
      name: "SpectralError",
      message: `assign: expected finite costs, found ${wrong} at row 1, column 1`,
    });
  }
});
