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

/** Tiles for tensor cores that plans choose among. */
export const tensorTiles: readonly TensorTile[] = [
  { rows: 128, columns: 64, grid: [4, 2], depth: 32 },
  { rows: 64, columns: 64, grid: [2, 2], depth: 32 },
];

/** Enough workgroups to fill a large GPU (132 multiprocessors). */
const fill = 132;
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
  const [rows, columns] = typeof tile === "number" ? [tile, tile] : [tile.rows, tile.columns];
  const grid = [Math.ceil(N / columns), Math.ceil(M / rows), parts > 1 ? parts : batch] as const;
  backend.run(shader, [out], [a.tensor, b.tensor], words(M, N, K, chunk, 0, ...product.values), grid);
  if (parts === 1) return out;
  const sum = addParts(backend, out, parts, product.outShape);
  backend.disposeData(out.dataId);
  return sum;
}

/** The plan for a product on this device. */
export function planFor(backend: PooledWebGpu, { M, N, K, batch }: Product): Plan {
  const tilesOf = (size: number): number => Math.ceil(M / size) * Math.ceil(N / size) * batch;
  const large = M >= 96 && N >= 96 && tilesOf(128) >= fill;
  const tile = large ? 128 : 64;
  const tiles = tilesOf(tile);
  const parts =
    batch > 1 || tiles >= fill
      ? 1
      : Math.max(1, Math.min(Math.floor(K / 128), Math.ceil((2 * fill) / tiles), 256));
  return { tile, parts };
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
