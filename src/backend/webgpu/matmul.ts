import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { fitsGrid, gemm, type Product } from "./gemm.js";
import { sumOfOffsets, type Operand } from "./operand.js";

/** Batched matrix products, plain and transposed (the stock kernel is slow on transposed operands). */
export function installMatMul(): void {
  overrideKernel("webgpu", "BatchMatMul", (stock) => (args) => {
    const { a, b } = args.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const { transposeA, transposeB } = args.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const product = matrixProduct(a, b, transposeA, transposeB);
    return product ? gemm(args.backend as PooledWebGpu, product) : stock!(args);
  });
}

/** op(a) op(b) over the last two axes; undefined for shapes that this kernel does not take. */
export function matrixProduct(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): Product | undefined {
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
  return {
    key: `matmul ${transposeA} ${transposeB}`,
    M,
    N,
    K,
    batch,
    a: plain(a, "strideA", "u.M", !transposeA),
    b: plain(b, "strideB", "u.N", transposeB),
    fields: ["strideA", "strideB"],
    values: [batchA === 1 ? 0 : M * K, batchB === 1 ? 0 : K * N],
    outShape: [...(batchA >= batchB ? leadingA : leadingB), M, N],
  };
}

/** An array of matrices with rows along x and columns along k (`alongK`), or the other way round. */
function plain(tensor: tf.TensorInfo, stride: string, extent: string, alongK: boolean): Operand {
  return {
    tensor,
    place: `return vec3<i32>(i32(z * u.${stride} + x${alongK ? " * u.K" : ""}), 0, 0);`,
    step: `return vec3<i32>(i32(k${alongK ? "" : ` * ${extent}`}), 0, 0);`,
    offset: sumOfOffsets,
    alongK,
    vector: tensor.shape[tensor.shape.length - 1] % 4 === 0,
  };
}
