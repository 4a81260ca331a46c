import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { filterGradient, forward, inputGradient } from "spectral-lab/backend/webgpu/convolution";
import type { PooledWebGpu } from "spectral-lab/backend/webgpu/dispatch";
import { gemm, tensorTiles, type Plan, type Product } from "spectral-lab/backend/webgpu/gemm";
import { matrixProduct } from "spectral-lab/backend/webgpu/matmul";
import { wrap } from "spectral-lab/backend/webgpu/tensors";
import { messageOf } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";

const missing = await startBackend({ backend: "webgpu" }).then(() => undefined, messageOf);
const backend = tf.backend() as unknown as PooledWebGpu;
const tensorCores = missing === undefined && backend.tensorCores;
const plans = new Map<string, Plan["tile"]>([
  ["one thread for each element", "direct"],
  ["float tiles of 64", 64],
  ["float tiles of 128", 128],
]);
for (const tile of tensorTiles)
  plans.set(`tensor-core tiles of ${tile.rows} x ${tile.columns}, depth ${tile.depth}`, tile);

function skip(tile: Plan["tile"]): string | undefined {
  return (
    missing ?? (typeof tile !== "object" || tensorCores ? undefined : "this adapter has no tensor cores")
  );
}

function numbers(name: string, shape: number[], size: (i: number) => number = () => 1): Float32Array {
  const random = randomStream(5, name);
  return Float32Array.from(
    { length: tf.util.sizeFromShape(shape) },
    (_, i) => size(i) * random.uniform(-1, 1),
  );
}

async function result(product: Product, tile: Plan["tile"], parts = 1): Promise<Float32Array> {
  const tensor = wrap(gemm(backend, product, { tile, parts }));
  const found = (await read(tensor)) as Float32Array;
  tensor.dispose();
  return found;
}

/** The product in float64, and what it would be with all terms positive: what errors are compared with. */
function exactly(
  { batch, M, N, K }: Product,
  a: (z: number, m: number, k: number) => number,
  b: (z: number, k: number, n: number) => number,
): { expected: Float64Array; sizes: Float64Array } {
  const [expected, sizes] = [new Float64Array(batch * M * N), new Float64Array(batch * M * N)];
  for (let z = 0, i = 0; z < batch; z++)
    for (let m = 0; m < M; m++)
      for (let n = 0; n < N; n++, i++)
        for (let k = 0; k < K; k++) {
          const term = a(z, m, k) * b(z, k, n);
          expected[i] += term;
          sizes[i] += Math.abs(term);
        }
  return { expected, sizes };
}

function assertNear(
  found: Float32Array,
  { expected, sizes }: ReturnType<typeof exactly>,
  limit: number,
): void {
  assert.equal(found.length, expected.length);
  found.forEach((x, i) => {
    const error = Math.abs(x - expected[i]);
    assert.ok(error <= limit * sizes[i], `element ${i}: ${x}, expected ${expected[i]}, of size ${sizes[i]}`);
  });
}

interface Matrices {
  readonly product: Product;
  readonly exact: ReturnType<typeof exactly>;
}

/** op(a) op(b) of made-up matrices, whose elements have sizes given by row of op(a), column of op(b) and k. */
function matrices(
  [M, N, K]: readonly [number, number, number],
  { ta = false, tb = false, batchA = 1, batchB = 1 } = {},
  size: { a?: (m: number, k: number) => number; b?: (n: number, k: number) => number } = {},
): Matrices {
  const inA = (i: number): [number, number] =>
    ta ? [i % M, Math.floor(i / M) % K] : [Math.floor(i / K) % M, i % K];
  const inB = (i: number): [number, number] =>
    tb ? [Math.floor(i / K) % N, i % K] : [i % N, Math.floor(i / N) % K];
  const shapeA = [batchA, ...(ta ? [K, M] : [M, K])];
  const shapeB = [batchB, ...(tb ? [N, K] : [K, N])];
  const a = numbers("a", shapeA, (i) => size.a?.(...inA(i)) ?? 1);
  const b = numbers("b", shapeB, (i) => size.b?.(...inB(i)) ?? 1);
  const product = matrixProduct(tf.tensor(a, shapeA), tf.tensor(b, shapeB), ta, tb)!;
  const exact = exactly(
    product,
    (z, m, k) => a[(batchA > 1 ? z * M * K : 0) + (ta ? k * M + m : m * K + k)],
    (z, k, n) => b[(batchB > 1 ? z * K * N : 0) + (tb ? n * K + k : k * N + n)],
  );
  return { product, exact };
}

const odd = [17, 13, 35] as const;
const even = [68, 72, 40] as const;
const transpositions = [
  { ta: false, tb: false },
  { ta: true, tb: false },
  { ta: false, tb: true },
  { ta: true, tb: true },
];
const shapes = [odd, even, [1, 1, 1], [130, 3, 4], [5, 140, 64]] as const;
const products = shapes.flatMap((shape) => transpositions.map((transposed) => [shape, transposed] as const));
/** Size, channels in and out, filter, stride, padding. */
const convolutions = [
  [6, 8, 12, 3, 1, "same"],
  [7, 3, 5, 3, 1, "same"],
  [7, 4, 8, 3, 2, "same"],
  [6, 5, 3, 3, 2, "valid"],
  [6, 8, 4, 1, 2, "same"],
  [5, 4, 4, 1, 1, "same"],
  [9, 4, 4, 2, 2, "valid"],
] as const;
/** A software renderer takes a second and more to compile a kernel with tiles: there few of them do. */
const few = <T>(cases: readonly T[], tile: Plan["tile"], chosen: readonly number[]): T[] =>
  cases.filter((_, i) => tile === "direct" || tensorCores || chosen.includes(i));

for (const [name, tile] of plans) {
  test(`${name}: products of any shape, transposed or not`, { skip: skip(tile) }, async () => {
    for (const [shape, transposed] of few(products, tile, tile === 64 ? [0, 3, 4, 19] : [0, 7])) {
      const { product, exact } = matrices(shape, transposed);
      assertNear(await result(product, tile), exact, 1e-6);
    }
  });

  test(`${name}: batches, one operand of which may be a single matrix`, { skip: skip(tile) }, async () => {
    for (const batches of [
      { batchA: 3, batchB: 3 },
      { batchA: 3, batchB: 1 },
      { batchA: 1, batchB: 3 },
    ]) {
      const { product, exact } = matrices(odd, batches);
      assertNear(await result(product, tile), exact, 1e-6);
    }
  });

  test(
    `${name}: long sums, in one part and in several, the same bits every time`,
    { skip: skip(tile) },
    async () => {
      const { product, exact } = matrices([6, 8, 3001], { ta: true });
      for (const parts of [1, 4]) {
        const found = await result(product, tile, parts);
        assertNear(found, exact, 1e-6);
        assert.deepEqual(await result(product, tile, parts), found);
      }
    },
  );

  test(`${name}: small and large numbers`, { skip: skip(tile) }, async () => {
    const shape = [36, 20, 600] as const;
    for (const [what, size] of Object.entries({
      "gradients of 1e-8 times weights of 1e4": { a: () => 1e-8, b: () => 1e4 },
      "both small": { a: () => 1e-14, b: () => 1e-14 },
      "both large": { a: () => 1e17, b: () => 1e17 },
      "rows of 1e-6 beside rows of 1e3": { a: (m: number) => (m % 2 ? 1e-6 : 1e3) },
      "columns of 1e-6 beside columns of 1e3": { b: (n: number) => (n % 2 ? 1e-6 : 1e3) },
      "sums that grow a million times": { a: (_: number, k: number) => 10 ** (k / 100), b: () => 1 },
      "sums that shrink a million times": { a: (_: number, k: number) => 10 ** (-k / 100), b: () => 1 },
      "zeros, then numbers": { a: (_: number, k: number) => (k < 64 ? 0 : 1), b: () => 1 },
    })) {
      const { product, exact } = matrices(shape, {}, size);
      const found = await result(product, tile);
      assert.doesNotThrow(() => assertNear(found, exact, 1e-5), what);
    }
  });

  test(
    `${name}: NaN reaches the results it belongs to, infinity makes no number`,
    { skip: skip(tile) },
    async () => {
      for (const bad of [NaN, Infinity]) {
        const [M, N, K] = [20, 24, 40];
        const [a, b] = [numbers("a", [M, K]), numbers("b", [K, N])];
        a[7 * K + 11] = bad;
        const found = await result(
          matrixProduct(tf.tensor2d(a, [M, K]), tf.tensor2d(b, [K, N]), false, false)!,
          tile,
        );
        for (let n = 0; n < N; n++) assert.ok(!Number.isFinite(found[7 * N + n]));
        if (Number.isNaN(bad))
          assert.ok(found.every((x, i) => Math.floor(i / N) === 7 || Number.isFinite(x)));
      }
    },
  );

  test(`${name}: convolutions and both gradients`, { skip: skip(tile) }, async () => {
    for (const [size, C, F, filter, stride, pad] of few(convolutions, tile, tile === 64 ? [1, 2] : []))
      await checkConvolution(tile, size, C, F, filter, stride, pad);
  });
}

async function checkConvolution(
  tile: Plan["tile"],
  size: number,
  C: number,
  F: number,
  filter: number,
  stride: number,
  pad: "same" | "valid",
): Promise<void> {
  const n = 2;
  const g = tf.backend_util.computeConv2DInfo([n, size, size + 1, C], [filter, filter, C, F], stride, 1, pad);
  const [x, w, dy] = [numbers("x", g.inShape), numbers("w", g.filterShape), numbers("dy", g.outShape)];
  const [y, dx, dw] = [g.outShape, g.inShape, g.filterShape].map((shape) => {
    const length = tf.util.sizeFromShape(shape);
    return { expected: new Float64Array(length), sizes: new Float64Array(length) };
  });
  const add = ({ expected, sizes }: typeof y, at: number, term: number): void => {
    expected[at] += term;
    sizes[at] += Math.abs(term);
  };
  for (let b = 0; b < n; b++)
    for (let oh = 0; oh < g.outHeight; oh++)
      for (let ow = 0; ow < g.outWidth; ow++)
        for (let kh = 0; kh < filter; kh++)
          for (let kw = 0; kw < filter; kw++) {
            const [h, v] = [oh * stride + kh - g.padInfo.top, ow * stride + kw - g.padInfo.left];
            if (h < 0 || v < 0 || h >= g.inHeight || v >= g.inWidth) continue;
            for (let c = 0; c < C; c++)
              for (let f = 0; f < F; f++) {
                const inX = ((b * g.inHeight + h) * g.inWidth + v) * C + c;
                const inW = ((kh * filter + kw) * C + c) * F + f;
                const inY = ((b * g.outHeight + oh) * g.outWidth + ow) * F + f;
                add(y, inY, x[inX] * w[inW]);
                add(dx, inX, dy[inY] * w[inW]);
                add(dw, inW, dy[inY] * x[inX]);
              }
          }
  const [tx, tw, ty] = [tf.tensor(x, g.inShape), tf.tensor(w, g.filterShape), tf.tensor(dy, g.outShape)];
  assertNear(await result(forward(tx, tw, g), tile), y, 1e-6);
  assertNear(await result(inputGradient(ty, tw, g), tile), dx, 1e-6);
  assertNear(await result(filterGradient(tx, ty, g), tile), dw, 1e-6);
  tf.dispose([tx, tw, ty]);
}
