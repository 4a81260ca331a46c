import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { fitsGrid, gemm } from "./gemm.js";

/** Batched matrix products, plain and transposed (the stock kernel is slow on transposed operands). */
export function installMatMul(): void {
  overrideKernel("webgpu", "BatchMatMul", (stock) => (args) => {
    const { a, b } = args.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const { transposeA, transposeB } = args.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    return matMul(args.backend as PooledWebGpu, a, b, transposeA, transposeB) ?? stock!(args);
  });
}

/** op(a) op(b) over the last two axes; undefined for shapes that this kernel does not take. */
function matMul(
  backend: PooledWebGpu,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo | undefined {
  const [rowsA, columnsA] = a.shape.slice(-2);
  const [rowsB, columnsB] = b.shape.slice(-2);
  const [M, K] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const N = transposeB ? rowsB : columnsB;
  const [leadingA, leadingB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  const [batchA, batchB] = [sizeOf(leadingA), sizeOf(leadingB)];
  const batch = Math.max(batchA, batchB);
  const broadcast = batchA !== batchB && batchA !== 1 && batchB !== 1;
  if (a.dtype !== "float32" || b.dtype !== "float32" || broadcast || K === 0 || !fitsGrid({ M, N, batch }))
    return undefined;
  return gemm(backend, {
    key: `matmul ${transposeA} ${transposeB}`,
    M,
    N,
    K,
    batch,
    a,
    b,
    readA: `fn readA(z : u32, m : u32, k : u32) -> f32 { return A[z * u.strideA + ${transposeA ? "k * u.M + m" : "m * u.K + k"}]; }`,
    readB: `fn readB(z : u32, k : u32, n : u32) -> f32 { return B[z * u.strideB + ${transposeB ? "n * u.K + k" : "k * u.N + n"}]; }`,
    aAlongK: !transposeA,
    bAlongK: transposeB,
    fields: ["strideA", "strideB"],
    values: [batchA === 1 ? 0 : M * K, batchB === 1 ? 0 : K * N],
    outShape: [...(batchA >= batchB ? leadingA : leadingB), M, N],
  });
}
