import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { read } from "spectral-lab/backend/read";
import { round } from "./round.js";

export type Report = (row: Record<string, unknown>) => void;

/** Milliseconds of one run of `f`, from many runs between two moments at which the device is idle. */
async function milliseconds(backend: Backend, f: () => unknown, budget = 300): Promise<number> {
  const once = (): void => tf.tidy(() => void f());
  const runs = async (n: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < n; i++) once();
    await backend.settle();
    return performance.now() - start;
  };
  await runs(2);
  const single = await runs(1);
  const n = Math.max(3, Math.min(2000, Math.round(budget / single)));
  return (await runs(n)) / n;
}

const random = (...shape: number[]): tf.Tensor => tf.randomUniform(shape, -1, 1, "float32", 7);

/** Matrix products in all four transpositions, one square and batched as in attention. */
export async function matrixProducts(
  backend: Backend,
  report: Report,
  sizes: readonly number[],
): Promise<void> {
  for (const n of sizes) {
    const [a, b] = [random(n, n), random(n, n)];
    for (const [operation, ta, tb] of [
      ["NN", false, false],
      ["NT", false, true],
      ["TN", true, false],
      ["TT", true, true],
    ] as const) {
      const ms = await milliseconds(backend, () => tf.matMul(a, b, ta, tb));
      report({ section: "matmul", operation, n, ms: round(ms), gflops: round((2 * n ** 3) / ms / 1e6) });
    }
    tf.dispose([a, b]);
  }
  const [q, k] = [random(48, 256, 64), random(48, 256, 64)];
  const ms = await milliseconds(backend, () => tf.matMul(q, k, false, true));
  report({
    section: "matmul",
    operation: "48 x NT",
    shape: [256, 64, 256],
    ms: round(ms),
    gflops: round((48 * 2 * 256 ** 2 * 64) / ms / 1e6),
  });
  tf.dispose([q, k]);
}

/** 3 x 3 convolutions and their gradients. */
export async function convolutions(backend: Backend, report: Report, batch: number): Promise<void> {
  for (const [size, channels] of [
    [32, 64],
    [8, 256],
    [4, 512],
  ]) {
    const x = random(batch, size, size, channels) as tf.Tensor4D;
    const w = random(3, 3, channels, channels) as tf.Tensor4D;
    const dy = random(batch, size, size, channels) as tf.Tensor4D;
    const attrs = { strides: 1, pad: "same", dataFormat: "NHWC" };
    const run = (name: string, inputs: object, more: object): tf.Tensor =>
      tf.engine().runKernel(name, inputs as tf.NamedTensorMap, { ...attrs, ...more });
    const gflop = (2 * batch * size ** 2 * 9 * channels ** 2) / 1e6;
    for (const [operation, f] of [
      ["forward", () => tf.conv2d(x, w, 1, "same")],
      ["input gradient", () => run("Conv2DBackpropInput", { dy, filter: w }, { inputShape: x.shape })],
      ["filter gradient", () => run("Conv2DBackpropFilter", { x, dy }, { filterShape: w.shape })],
    ] as const) {
      const ms = await milliseconds(backend, f);
      report({ section: "convolution", operation, shape: x.shape, ms: round(ms), gflops: round(gflop / ms) });
    }
    tf.dispose([x, w, dy]);
  }
}

/** Elementwise operations, sums, the embedding's gradient, one dispatch, one read. */
export async function others(backend: Backend, report: Report, elements: number): Promise<void> {
  const x = tf.ones([elements]);
  const rows = random(elements / 8192, 8192);
  const table = random(114, 128);
  const ids = tf.tensor1d(
    Int32Array.from({ length: 11490 }, (_, i) => (i * i) % 114),
    "int32",
  );
  const picked = random(11490, 128);
  const segment = { x: picked, segmentIds: ids } as unknown as tf.NamedTensorMap;
  for (const [operation, f] of [
    ["add", () => tf.add(x, x)],
    ["exp", () => tf.exp(x)],
    ["sum of all", () => tf.sum(x)],
    ["sum of rows", () => tf.sum(rows, 1)],
    ["sum of columns", () => tf.sum(rows, 0)],
    ["softmax of rows", () => tf.softmax(rows)],
    ["gather 11490 x 128", () => tf.gather(table, ids)],
    ["gradient of gather", () => tf.engine().runKernel("UnsortedSegmentSum", segment, { numSegments: 114 })],
  ] as const) {
    report({ section: "others", operation, elements, ms: round(await milliseconds(backend, f)) });
  }
  tf.dispose([x, rows, table, ids, picked]);

  const small = tf.ones([1024]);
  const chain = 2000;
  let z = tf.add(small, small);
  await backend.settle();
  const start = performance.now();
  for (let i = 0; i < chain; i++) {
    const next = tf.add(z, small);
    z.dispose();
    z = next;
  }
  const encoded = performance.now() - start;
  await backend.settle();
  const total = performance.now() - start;
  report({
    section: "dispatch",
    hostUs: round((1000 * encoded) / chain),
    totalUs: round((1000 * total) / chain),
  });
  tf.dispose([small, z]);

  for (const n of [1, 2 ** 20, 2 ** 24]) {
    const times: number[] = [];
    for (let i = 0; i < 9; i++) {
      const fresh = tf.tidy(() => tf.add(tf.ones([n]), i));
      await backend.settle();
      const begin = performance.now();
      await read(fresh);
      times.push(performance.now() - begin);
      fresh.dispose();
    }
    report({ section: "readback", elements: n, medianMs: round(times.sort((a, b) => a - b)[4]) });
  }
}
