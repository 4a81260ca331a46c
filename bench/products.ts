/**
 * Tries the tiles of WebGPU's matrix products on the products of the paper's networks and prints JSON lines: TFLOP/s of
 * each plan, and its relative root mean square difference from the float32 kernel.
 *
 *     node build/bench/products.js [--only NAME,...] [--quick] [--chosen]
 *
 * --only: products whose names contain one of these; --quick: one time budget of 10 ms a plan instead of 40;
 * --chosen: the plan that training takes alone.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { filterGradient, forward, inputGradient } from "spectral-lab/backend/webgpu/convolution";
import type { PooledWebGpu } from "spectral-lab/backend/webgpu/dispatch";
import { gemm, planFor, type Plan, type Product } from "spectral-lab/backend/webgpu/gemm";
import { matrixProduct } from "spectral-lab/backend/webgpu/matmul";
import type { WebGpuBackend } from "spectral-lab/backend/webgpu/start";
import { wrap } from "spectral-lab/backend/webgpu/tensors";
import { messageOf } from "spectral-lab/core/errors";
import { round } from "./backend/round.js";

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    chosen: { type: "boolean", default: false },
  },
});
const started = await startBackend({ backend: "webgpu" });
const { gpuDevice: device } = started as WebGpuBackend;
const backend = tf.backend() as unknown as PooledWebGpu;
const print = (row: object): boolean => process.stdout.write(`${JSON.stringify(row)}\n`);
print({ description: started.description, tensorCores: backend.tensorCores });

const random = (...shape: number[]): tf.Tensor => tf.randomUniform(shape, -1, 1, "float32", 7);

const matrix =
  (M: number, N: number, K: number, ta = false, tb = false, batch = 1) =>
  (): Product => {
    const lead = batch > 1 ? [batch] : [];
    const a = random(...lead, ...(ta ? [K, M] : [M, K]));
    const b = random(...lead, ...(tb ? [N, K] : [K, N]));
    return matrixProduct(a, b, ta, tb)!;
  };

const convolution =
  (pass: "forward" | "dx" | "dw", size: number, C: number, F: number, stride = 1, filter = 3, n = 128) =>
  (): Product => {
    const shapes = [
      [n, size, size, C],
      [filter, filter, C, F],
    ] as [[number, number, number, number], [number, number, number, number]];
    const geometry = tf.backend_util.computeConv2DInfo(shapes[0], shapes[1], stride, 1, "same");
    const [x, w, dy] = [random(...shapes[0]), random(...shapes[1]), random(...geometry.outShape)];
    if (pass === "forward") return forward(x, w, geometry);
    return pass === "dx" ? inputGradient(dy, w, geometry) : filterGradient(x, dy, geometry);
  };

const all: Record<string, () => Product> = {
  "square 1024": matrix(1024, 1024, 1024),
  "square 2048": matrix(2048, 2048, 2048),
  "square 4096": matrix(4096, 4096, 4096),
  "square 2048 TT": matrix(2048, 2048, 2048, true, true),
};
for (const [size, C, F] of [
  [32, 3, 64],
  [32, 64, 64],
  [16, 64, 128],
  [16, 128, 128],
  [8, 256, 256],
  [4, 512, 512],
  [2, 512, 512],
  [28, 64, 64],
  [14, 128, 128],
  [7, 256, 256],
]) {
  for (const pass of ["forward", "dx", "dw"] as const)
    all[`conv ${size} ${C} ${F} ${pass}`] = convolution(pass, size, C, F);
}
for (const pass of ["forward", "dx", "dw"] as const) {
  all[`conv 32 64 128 / 2 ${pass}`] = convolution(pass, 32, 64, 128, 2);
  all[`conv 8 256 512 / 2 ${pass}`] = convolution(pass, 8, 256, 512, 2);
  all[`conv 32 64 128 / 2 1x1 ${pass}`] = convolution(pass, 32, 64, 128, 2, 1);
}
for (const [name, K, N] of [
  ["qkv", 768, 2304],
  ["projection", 768, 768],
  ["up", 768, 3072],
  ["down", 3072, 768],
  ["logits", 768, 8000],
] as [string, number, number][]) {
  all[`transformer ${name}`] = matrix(1024, N, K);
  all[`transformer ${name} dx`] = matrix(1024, K, N, false, true);
  all[`transformer ${name} dw`] = matrix(K, N, 1024, true, false);
}
all["attention scores"] = matrix(256, 256, 64, false, true, 48);
all["attention values"] = matrix(256, 64, 256, false, false, 48);
all["attention dw"] = matrix(256, 64, 256, true, false, 48);
all["addition up"] = matrix(11490, 512, 128);
all["addition up dw"] = matrix(128, 512, 11490, true, false);
all["addition square"] = matrix(11490, 128, 128);
all["addition square dw"] = matrix(128, 128, 11490, true, false);
all["addition scores"] = matrix(3, 3, 32, false, true, 15320);
all["addition values"] = matrix(3, 32, 3, false, false, 15320);
all["mlp forward"] = matrix(128, 256, 3072);
all["mlp dw"] = matrix(3072, 256, 128, true, false);

const tiles = [
  { rows: 128, columns: 128, grid: [4, 2], depth: 16 },
  { rows: 128, columns: 64, grid: [4, 2], depth: 16 },
  { rows: 128, columns: 64, grid: [4, 2], depth: 32 },
  { rows: 128, columns: 64, grid: [2, 2], depth: 16 },
  { rows: 128, columns: 64, grid: [2, 2], depth: 32 },
  { rows: 64, columns: 64, grid: [2, 2], depth: 16 },
  { rows: 64, columns: 64, grid: [2, 2], depth: 32 },
] as const;

/** Each tile with as many parts as leave work for one and for three workgroups on each of 132 multiprocessors. */
function plans({ M, N, K, batch }: Product): Plan[] {
  const candidates: Exclude<Plan["tile"], "direct">[] = backend.tensorCores ? [64, 128, ...tiles] : [64, 128];
  const direct: Plan[] = batch > 1 ? [{ tile: "direct", parts: 1 }] : [];
  const tiled = candidates.flatMap((tile) => {
    const [rows, columns] = typeof tile === "number" ? [tile, tile] : [tile.rows, tile.columns];
    const groups = Math.ceil(M / rows) * Math.ceil(N / columns) * batch;
    const most = batch > 1 ? 1 : Math.max(1, Math.floor(K / 64));
    const parts = [1, Math.ceil(132 / groups), Math.floor(264 / groups), Math.ceil(500 / groups)];
    const useful = parts.filter(
      (n) => n > 0 && n <= most && (n === 1 ? groups >= 32 || most === 1 : groups < 400),
    );
    return [...new Set(useful)].map((n) => ({ tile, parts: n }));
  });
  return [...direct, ...tiled];
}

async function result(product: Product, plan: Plan): Promise<Float32Array> {
  device.pushErrorScope("validation");
  const tensor = wrap(gemm(backend, product, plan));
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message.slice(0, 600));
  const found = (await read(tensor)) as Float32Array;
  tensor.dispose();
  return found;
}

/** Milliseconds of one product, by the device's clock, from many in one pass. */
async function milliseconds(product: Product, plan: Plan): Promise<number> {
  const recording = backend.record(() => backend.disposeData(gemm(backend, product, plan).dataId));
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 });
  const usage = GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC;
  const [resolved, readable] = [
    device.createBuffer({ size: 16, usage }),
    device.createBuffer({ size: 16, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ }),
  ];
  const runs = async (n: number): Promise<number> => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    for (let i = 0; i < n; i++)
      for (const command of recording.commands) {
        if (command.kind !== "dispatch") continue;
        pass.setPipeline(command.pipeline);
        pass.setBindGroup(0, command.group);
        pass.dispatchWorkgroups(command.grid[0], command.grid[1], command.grid[2]);
      }
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, readable, 0, 16);
    device.queue.submit([encoder.finish()]);
    await readable.mapAsync(GPUMapMode.READ);
    const [begin, end] = new BigUint64Array(readable.getMappedRange().slice(0));
    readable.unmap();
    return Number(end - begin) / 1e6;
  };
  const single = (await runs(10)) / 10;
  const n = Math.max(5, Math.min(300, Math.round((values.quick ? 8 : 30) / single)));
  const ms = (await runs(n)) / n;
  recording.dispose();
  querySet.destroy();
  resolved.destroy();
  readable.destroy();
  return ms;
}

const only = values.only?.split(",");
for (const [name, make] of Object.entries(all)) {
  if (only && !only.some((part) => name.includes(part))) continue;
  const product = make();
  const { M, N, K, batch } = product;
  const reference = await result(product, { tile: 64, parts: batch > 1 ? 1 : Math.ceil(K / 1024) });
  const power = reference.reduce((sum, x) => sum + x * x, 0);
  for (const plan of values.chosen ? [planFor(backend, product)] : plans(product)) {
    const { tile, parts } = plan;
    const label = typeof tile === "object" ? `${tile.rows}x${tile.columns}` : `${tile}`;
    try {
      const begin = performance.now();
      const found = await result(product, plan);
      const firstMs = performance.now() - begin;
      const difference = found.reduce((sum, x, i) => sum + (x - reference[i]) ** 2, 0);
      const ms = await milliseconds(product, plan);
      const relative = Math.sqrt(difference / power);
      print({
        name,
        plan: label,
        parts,
        ms: round(ms),
        tflops: round((2 * M * N * K * batch) / ms / 1e9),
        relative: round(relative),
        firstMs: round(firstMs),
      });
    } catch (error) {
      print({ name, plan: label, parts, failed: messageOf(error) });
    }
  }
  tf.dispose([product.a.tensor, product.b.tensor] as tf.Tensor[]);
}
started.dispose();
