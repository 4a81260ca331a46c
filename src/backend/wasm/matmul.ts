import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import { address, asWasm, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";
import type { ProductTeam } from "./product-team.js";

/** Multiply-adds of one product from which a BLAS is faster than a WebAssembly kernel, its call included. */
const SMALL = 16 ** 3;

/**
 * The stock kernel is fast for one plain product; transposed operands and batches run in a scalar loop, 13 to 20 times
 * slower. Where there is a BLAS, it computes all but small products. Else single products are transposed first, and
 * batches (attention) run in our kernel.
 */
export function installMatMul(kernel: Kernel, team?: ProductTeam): void {
  overrideKernel("wasm", "BatchMatMul", (stock) => (args) => {
    const { transposeA, transposeB } = args.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const { a, b } = args.inputs as unknown as { a: tf.Tensor; b: tf.Tensor };
    const batches = [a, b].map(({ shape }) => sizeOf(shape.slice(0, -2)));
    const floats = a.dtype === "float32" && b.dtype === "float32";
    const simple = floats && batches.every((n) => n === 1 || n === Math.max(...batches));
    if (team && simple) {
      const sizes = sizesOf(a, b, transposeA, transposeB);
      if (sizes.M * sizes.N * sizes.K >= SMALL)
        return blasProduct(team, asWasm(args.backend), a, b, transposeA, transposeB);
    }
    const single = batches[0] === 1 && batches[1] === 1;
    if (single && !transposeA && !transposeB) return stock!(args);
    if (single)
      return tf.tidy(() => tf.matMul(transposeA ? swapLastTwo(a) : a, transposeB ? swapLastTwo(b) : b));
    if (!simple) return stock!(args);
    return batchedProduct(kernel, asWasm(args.backend), a, b, transposeA, transposeB);
  });
}

/** [batch, M, K] times [batch, K, N], the last two axes of either possibly exchanged; an operand of one matrix serves all. */
function batchedProduct(
  kernel: Kernel,
  heap: WasmHeap,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo {
  const { M, N, K, batchA, batchB, shape } = sizesOf(a, b, transposeA, transposeB);
  const out = heap.makeOutput(shape, "float32");
  const turned = transposeB ? heap.makeOutput([batchB, K, N], "float32") : undefined;
  if (turned) kernel.transposeBatch(batchB, N, K, address(heap, b), address(heap, turned));
  // Of each operand: where, and the distances of its matrices and, of a, of its rows and columns, in elements.
  kernel.multiplyBatch(
    Math.max(batchA, batchB),
    M,
    N,
    K,
    address(heap, a),
    batchA === 1 ? 0 : M * K,
    transposeA ? 1 : K,
    transposeA ? M : 1,
    address(heap, turned ?? b),
    batchB === 1 ? 0 : K * N,
    address(heap, out),
  );
  if (turned) heap.disposeData(turned.dataId);
  return out;
}

/** As `batchedProduct`, for one product or many, by a BLAS. */
function blasProduct(
  team: ProductTeam,
  heap: WasmHeap,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): tf.TensorInfo {
  const { M, N, K, batchA, batchB, shape } = sizesOf(a, b, transposeA, transposeB);
  const out = heap.makeOutput(shape, "float32");
  team.multiply([
    {
      transposeA,
      transposeB,
      m: M,
      n: N,
      k: K,
      a: address(heap, a),
      b: address(heap, b),
      c: address(heap, out),
      pitchA: transposeA ? M : K,
      pitchB: transposeB ? K : N,
      pitchC: N,
      add: false,
      count: Math.max(batchA, batchB),
      strideA: batchA === 1 ? 0 : M * K,
      strideB: batchB === 1 ? 0 : K * N,
      strideC: M * N,
    },
  ]);
  return out;
}

/** Sizes of a product or a batch of them: A [M, K], B [K, N], how many of each, and the shape of the result. */
function sizesOf(
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  transposeA: boolean,
  transposeB: boolean,
): Record<"M" | "N" | "K" | "batchA" | "batchB", number> & { readonly shape: readonly number[] } {
  const [rowsA, columnsA] = a.shape.slice(-2);
  const [rowsB, columnsB] = b.shape.slice(-2);
  const [M, K] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const N = transposeB ? rowsB : columnsB;
  const batchA = sizeOf(a.shape.slice(0, -2));
  const batchB = sizeOf(b.shape.slice(0, -2));
  return { M, N, K, batchA, batchB, shape: [...(batchA >= batchB ? a : b).shape.slice(0, -2), M, N] };
}

function swapLastTwo(x: tf.Tensor): tf.Tensor {
  const order = x.shape.map((_, axis) => axis);
  const last = order.length - 1;
  [order[last], order[last - 1]] = [order[last - 1], order[last]];
  return tf.transpose(x, order);
}
