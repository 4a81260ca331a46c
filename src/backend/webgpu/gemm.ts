import type * as tf from "@tensorflow/tfjs";
import type { PooledWebGpu } from "./dispatch.js";
import { directGemm } from "./direct-gemm.js";
import { floatGemm } from "./float-gemm.js";
import type { Operand } from "./operand.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { accumulated, tensorGemm, type TensorTile } from "./tensor-gemm.js";

/**
 * A matrix product C[z] = A[z] B[z], with A of M x K and B of K x N: arrays, transposed or not, or implicit matrices of
 * convolutions.
 */
export interface Product {
  /** Name of the operands' index arithmetic. */
  readonly key: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batch: number;
  /** Elements (m, k). */
  readonly a: Operand;
  /** Elements (n, k). */
  readonly b: Operand;
  /** Further uniforms of the index arithmetic: declarations and values. */
  readonly fields: readonly string[];
  readonly values: readonly number[];
  /** Shape of the result: batch * M * N elements. */
  readonly outShape: readonly number[];
}

/** How a product is computed. */
export interface Plan {
  /** One thread for each element, or size of a float32 tile, or a tile for tensor cores. */
  readonly tile: "direct" | 64 | 128 | TensorTile;
  /** Parts that K is cut into; 1 where there is a batch or no tile. */
  readonly parts: number;
}

/** Tiles that plans choose among, with the time that one element takes for each k, that of the first one being 1. */
const floatTiles: readonly (readonly [64 | 128, number])[] = [
  [128, 1],
  [64, 1.25],
];
const tensorCoreTiles: readonly (readonly [TensorTile, number])[] = [
  [{ rows: 128, columns: 128, grid: [4, 2], depth: 16 }, 0.8],
  [{ rows: 128, columns: 64, grid: [4, 2], depth: 32 }, 0.85],
  [{ rows: 64, columns: 64, grid: [2, 2], depth: 16 }, 1.2],
];
export const tensorTiles: readonly TensorTile[] = tensorCoreTiles.map(([tile]) => tile);

/** Multiprocessors of a large GPU: work for fewer workgroups leaves some idle. */
const processors = 132;
/** What starting and ending a tile takes, as if K were that much longer. */
const startCost = 48;
/** What one partial sum of one element takes to write and read, and what the second pass takes to start. */
const partCost = 60;
const passCost = 6e7;
/** What one element takes for each k without a tile, and what the longest thread takes for each k. */
const directCost = 6;
const directWait = 3e5;
const mostParts = 256;
const granule = 32;

/** Whether the product is within what the grid of workgroups can express. */
export function fitsGrid({ M, N, batch }: { M: number; N: number; batch: number }): boolean {
  return Math.ceil(M / 64) <= 65535 && Math.ceil(N / 64) <= 65535 && batch <= 65535 && M * N * batch > 0;
}

/**
 * Computes a product. Where it has few output tiles but a long sum (K), the sum is cut into parts computed side by side
 * and added in a second pass, always in the same order: results are the same bits every time.
 */
export function gemm(
  backend: PooledWebGpu,
  product: Product,
  plan = planFor(backend, product),
): tf.TensorInfo {
  const { key, M, N, K, batch, a, b, fields, values } = product;
  const { tile } = plan;
  const inputs = [a.tensor, b.tensor];
  if (tile === "direct") {
    const out = backend.makeTensorInfo(product.outShape, "float32");
    const { grid, row } = flatGrid(batch * M * N, 64);
    const uniforms = words(M, N, K, batch * M * N, row, ...values);
    backend.run(directGemm(`gemm ${key}`, a, b, fields), [out], inputs, uniforms, grid);
    return out;
  }
  const chunk = Math.ceil(Math.ceil(K / plan.parts) / granule) * granule;
  const parts = Math.ceil(K / chunk);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, M, N] : product.outShape, "float32");
  const [rows, columns] = sizeOf(tile);
  const grid = [Math.ceil(N / columns), Math.ceil(M / rows), parts > 1 ? parts : batch] as const;
  if (typeof tile === "number") {
    const shader = floatGemm(`gemm ${key}`, a, b, fields, tile, parts > 1);
    backend.run(shader, [out], inputs, words(M, N, K, chunk, ...values), grid);
  } else {
    const shader = tensorGemm(`gemm ${key}`, a, b, fields, tile, parts > 1);
    const length = accumulated(Math.min(K, chunk), tile.depth);
    backend.run(shader, [out], inputs, words(M, N, K, chunk, length, 0, ...values), grid);
  }
  if (parts === 1) return out;
  const sum = addParts(backend, out, parts, product.outShape);
  backend.disposeData(out.dataId);
  return sum;
}

/** The plan for a product by a rough model of a large GPU, the same on every device with tensor cores and on every one without. */
export function planFor({ tensorCores }: { tensorCores: boolean }, { M, N, K, batch }: Sizes): Plan {
  let best: Plan = { tile: "direct", parts: 1 };
  const small = batch > 1 || M * N <= 4096;
  let least = small ? batch * M * N * K * directCost + K * directWait : Infinity;
  for (const [tile, cost] of tensorCores ? tensorCoreTiles : floatTiles) {
    const [rows, columns] = sizeOf(tile);
    const groups = Math.ceil(M / rows) * Math.ceil(N / columns) * batch;
    for (const parts of usefulParts(groups, batch > 1 ? 1 : K)) {
      const rounds = Math.ceil((groups * parts) / processors);
      const work = rounds * processors * rows * columns * (K / parts + startCost) * cost;
      const time = work + (parts > 1 ? parts * M * N * partCost + passCost : 0);
      if (time < least) [least, best] = [time, { tile, parts }];
    }
  }
  return best;
}

type Sizes = Pick<Product, "M" | "N" | "K" | "batch">;

/** One part, and as many as keep all processors busy for one round, two, ... */
function usefulParts(groups: number, K: number): Set<number> {
  const most = Math.max(1, Math.min(mostParts, Math.floor(K / 64)));
  const rounds = [1, 2, 3, 4, 6, 8].map((n) => Math.floor((n * processors) / groups));
  return new Set([1, ...rounds.map((parts) => Math.max(1, Math.min(most, parts)))]);
}

function sizeOf(tile: number | TensorTile): readonly [rows: number, columns: number] {
  return typeof tile === "number" ? [tile, tile] : [tile.rows, tile.columns];
}

/** Sums `parts` arrays that lie one after the other, in order. */
export function addParts(
  backend: PooledWebGpu,
  partial: tf.TensorInfo,
  parts: number,
  outShape: readonly number[],
): tf.TensorInfo {
  const out = backend.makeTensorInfo(outShape, "float32");
  const elements = outShape.reduce((product, n) => product * n, 1);
  const { grid, row } = flatGrid(elements, 64);
  backend.run(addPartsShader, [out], [partial], words(elements, parts, row), grid);
  return out;
}

const addPartsShader: Shader = {
  key: "addParts",
  outputs: 1,
  inputs: 1,
  code: () => `${declareBindings(["C"], ["parts"], ["n", "count", "row"])}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  var sum = 0.0;
  for (var part = 0u; part < u.count; part++) { sum += parts[part * u.n + i]; }
  C[i] = sum;
}`,
};
