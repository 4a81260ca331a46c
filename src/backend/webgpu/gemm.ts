import type * as tf from "@tensorflow/tfjs";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";

/**
 * A matrix product C[z] = A[z] B[z], with A of M x K and B of K x N given by WGSL that fetches single elements, so that
 * transposed operands and convolutions (as implicit matrices) share one tiled kernel.
 */
export interface Product {
  /** Name of the fetch functions below. */
  readonly key: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batch: number;
  readonly a: tf.TensorInfo;
  readonly b: tf.TensorInfo;
  /** WGSL `fn readA(z: u32, m: u32, k: u32) -> f32` for m < M, k < K, reading the buffer `A`. */
  readonly readA: string;
  /** WGSL `fn readB(z: u32, k: u32, n: u32) -> f32` for k < K, n < N, reading the buffer `B`. */
  readonly readB: string;
  /** Whether neighbouring k (or else m, n) lie next to each other in memory: neighbouring threads then read those. */
  readonly aAlongK: boolean;
  readonly bAlongK: boolean;
  /** Further uniforms of the fetch functions: declarations and values. */
  readonly fields: readonly string[];
  readonly values: readonly number[];
  /** Shape of the result: batch * M * N elements. */
  readonly outShape: readonly number[];
}

/** Enough workgroups to fill a large GPU (132 multiprocessors). */
const fill = 132;
const threads = 256;
const tileK = 16;

/** Whether the product is within what the grid of workgroups can express. */
export function fitsGrid({ M, N, batch }: { M: number; N: number; batch: number }): boolean {
  return Math.ceil(M / 64) <= 65535 && Math.ceil(N / 64) <= 65535 && batch <= 65535 && M * N * batch > 0;
}

/**
 * Computes a product. Where it has few output tiles but a long sum (K), the sum is cut into parts computed side by side
 * and added in a second pass, always in the same order: results are the same bits every time.
 */
export function gemm(backend: PooledWebGpu, product: Product): tf.TensorInfo {
  const { M, N, K, batch } = product;
  const tilesOf = (size: number): number => Math.ceil(M / size) * Math.ceil(N / size) * batch;
  const large = M >= 96 && N >= 96 && tilesOf(128) >= fill;
  const size = large ? 128 : 64;
  const tiles = tilesOf(size);
  const split =
    batch > 1 || tiles >= fill
      ? 1
      : Math.max(1, Math.min(Math.floor(K / 128), Math.ceil((2 * fill) / tiles), 256));
  const chunk = Math.ceil(Math.ceil(K / split) / tileK) * tileK;
  const parts = Math.ceil(K / chunk);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, M, N] : product.outShape, "float32");
  const shader = gemmShader(product, size, parts > 1);
  const grid = [Math.ceil(N / size), Math.ceil(M / size), parts > 1 ? parts : batch] as const;
  backend.run(shader, [out], [product.a, product.b], words(M, N, K, chunk, ...product.values), grid);
  if (parts === 1) return out;
  const sum = addParts(backend, out, parts, product.outShape);
  backend.disposeData(out.dataId);
  return sum;
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

/**
 * Each workgroup of 16 x 16 threads makes a tile of size x size elements of C; each thread size/16 x size/16 of them,
 * in registers, from strips of A and B that the group loads into shared memory together, 16 columns of A at a time.
 */
function gemmShader(product: Product, size: number, split: boolean): Shader {
  return {
    key: `gemm ${product.key} ${size} ${split}`,
    outputs: 1,
    inputs: 2,
    code: () => gemmCode(product, size, split),
  };
}

function gemmCode(product: Product, size: number, split: boolean): string {
  const perThread = size / 16;
  const quads = perThread / 4;
  const pitch = size + 4; // keeps neighbouring rows in different memory banks
  const loads = (size * tileK) / threads;
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const lines = (n: number, line: (i: number) => string): string => range(n).map(line).join("\n");
  const cells = (line: (i: number, j: number) => string): string =>
    lines(perThread, (i) =>
      range(quads)
        .map((j) => line(i, j))
        .join(" "),
    );
  const load = (q: number, along: boolean, strip: string, fetch: string): string => `{
      let e = local + ${q * threads}u;
      let k = ${along ? `e % ${tileK}u` : `e / ${size}u`};
      let x = ${along ? `e / ${tileK}u` : `e % ${size}u`};
      ${strip}[k * ${pitch}u + x] = ${fetch};
    }`;
  return `${declareBindings(["C"], ["A", "B"], ["M", "N", "K", "chunk", ...product.fields])}
var<workgroup> stripA : array<f32, ${tileK * pitch}>;
var<workgroup> stripB : array<f32, ${tileK * pitch}>;
${product.readA}
${product.readB}
fn fetchA(z : u32, m : u32, k : u32, end : u32) -> f32 { if (m >= u.M || k >= end) { return 0.0; } return readA(z, m, k); }
fn fetchB(z : u32, k : u32, n : u32, end : u32) -> f32 { if (n >= u.N || k >= end) { return 0.0; } return readB(z, k, n); }
fn store(z : u32, m : u32, n : u32, value : f32) { if (m < u.M && n < u.N) { C[(z * u.M + m) * u.N + n] = value; } }
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let column = local % 16u;
  let row = local / 16u;
  let m0 = group.y * ${size}u;
  let n0 = group.x * ${size}u;
  let z = ${split ? "0u" : "group.z"};
  let start = ${split ? "group.z * u.chunk" : "0u"};
  let end = ${split ? "min(u.K, start + u.chunk)" : "u.K"};
  ${cells((i, j) => `var c${i}_${j} = vec4<f32>(0.0);`)}
  for (var k0 = start; k0 < end; k0 += ${tileK}u) {
    ${lines(loads, (q) => load(q, product.aAlongK, "stripA", "fetchA(z, m0 + x, k0 + k, end)"))}
    ${lines(loads, (q) => load(q, product.bAlongK, "stripB", "fetchB(z, k0 + k, n0 + x, end)"))}
    workgroupBarrier();
    for (var k = 0u; k < ${tileK}u; k++) {
      let pa = k * ${pitch}u + row * ${perThread}u;
      let pb = k * ${pitch}u + column * 4u;
      ${lines(
        quads,
        (j) =>
          `let b${j} = vec4<f32>(${range(4)
            .map((q) => `stripB[pb + ${j * 64 + q}u]`)
            .join(", ")});`,
      )}
      ${lines(perThread, (i) => `let a${i} = stripA[pa + ${i}u];`)}
      ${cells((i, j) => `c${i}_${j} = fma(vec4<f32>(a${i}), b${j}, c${i}_${j});`)}
    }
    workgroupBarrier();
  }
  let m = m0 + row * ${perThread}u;
  let n = n0 + column * 4u;
  ${cells((i, j) =>
    range(4)
      .map((q) => `store(group.z, m + ${i}u, n + ${j * 64 + q}u, c${i}_${j}.${"xyzw"[q]});`)
      .join(" "),
  )}
}`;
}
