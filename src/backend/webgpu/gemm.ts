import type * as tf from "@tensorflow/tfjs";
import type { PooledWebGpu } from "./dispatch.js";
import { floatGemm } from "./float-gemm.js";
import type { Operand } from "./operand.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { tensorGemm, type TensorTile } from "./tensor-gemm.js";

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
  /** Size of a float32 tile, or a tile for tensor cores. */
  readonly tile: 64 | 128 | TensorTile;
  /** Parts that K is cut into; 1 where there is a batch. */
  readonly parts: number;
}

/** Tiles that plans choose among, with the time that one element takes for each k, that of the first one being 1. */
const floatTiles: readonly (readonly [64 | 128, number])[] = [
  [128, 1],
  [64, 1.25],
];
const tensorCoreTiles: readonly (readonly [TensorTile, number])[] = [
  [{ rows: 128, columns: 128, grid: [4, 2], depth: 16 }, 0.7],
  [{ rows: 128, columns: 64, grid: [4, 2], depth: 32 }, 0.75],
  [{ rows: 64, columns: 64, grid: [2, 2], depth: 16 }, 1.1],
];
export const tensorTiles: readonly TensorTile[] = tensorCoreTiles.map(([tile]) => tile);

/** Multiprocessors of a large GPU: work for fewer workgroups leaves some idle. */
const processors = 132;
/** What starting and ending a tile takes, as if K were that much longer. */
const start = 48;
/** What one partial sum of one element takes to write and read, and what the second pass takes to start. */
const partCost = 40;
const passCost = 6e7;
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
  const { key, M, N, K, batch, a, b, fields } = product;
  const { tile } = plan;
  const chunk = Math.ceil(Math.ceil(K / plan.parts) / granule) * granule;
  const parts = Math.ceil(K / chunk);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, M, N] : product.outShape, "float32");
  const shader =
    typeof tile === "number"
      ? floatGemm(`gemm ${key}`, a, b, fields, tile, parts > 1)
      : tensorGemm(`gemm ${key}`, a, b, fields, tile, parts > 1);
  const [rows, columns] = sizeOf(tile);
  const grid = [Math.ceil(N / columns), Math.ceil(M / rows), parts > 1 ? parts : batch] as const;
  backend.run(shader, [out], [a.tensor, b.tensor], words(M, N, K, chunk, 0, ...product.values), grid);
  if (parts === 1) return out;
  const sum = addParts(backend, out, parts, product.outShape);
  backend.disposeData(out.dataId);
  return sum;
}

/** The fastest plan for a product on this device, by a rough model of a large GPU: the same on any, so that results are. */
export function planFor(backend: PooledWebGpu, { M, N, K, batch }: Product): Plan {
  const tiles = backend.tensorCores ? tensorCoreTiles : floatTiles;
  let best: Plan = { tile: tiles[0][0], parts: 1 };
  let least = Infinity;
  for (const [tile, cost] of tiles) {
    const [rows, columns] = sizeOf(tile);
    const groups = Math.ceil(M / rows) * Math.ceil(N / columns) * batch;
    for (let parts = 1; parts <= (batch > 1 ? 1 : Math.min(mostParts, K / 64)) || parts === 1; parts++) {
      const rounds = Math.ceil((groups * parts) / processors);
      const time =
        rounds * rows * columns * (K / parts + start) * cost * processors +
        (parts > 1 ? parts * M * N * partCost + passCost : 0);
      if (time < least) [least, best] = [time, { tile, parts }];
    }
  }
  return best;
}

function sizeOf(tile: Plan["tile"]): readonly [rows: number, columns: number] {
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
