import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import { address, asWasm, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";

/**
 * The stock kernel is fast for one plain product; transposed operands and batches run in a scalar loop, 13 to 20 times
 * slower. Single products are transposed first; batches (attention) run in our kernel.
 */
export function installMatMul(kernel: Kernel): void {
  overrideKernel("wasm", "BatchMatMul", (stock) => (args) => {
    const { transposeA, transposeB } = args.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const { a, b } = args.inputs as unknown as { a: tf.Tensor; b: tf.Tensor };
    const batches = [a, b].map(({ shape }) => sizeOf(shape.slice(0, -2)));
    const single = batches[0] === 1 && batches[1] === 1;
    if (single && !transposeA && !transposeB) return stock!(args);
    if (single)
      return tf.tidy(() => tf.matMul(transposeA ? swapLastTwo(a) : a, transposeB ? swapLastTwo(b) : b));
    if (
      a.dtype !== "float32" ||
      b.dtype !== "float32" ||
      !batches.every((n) => n === 1 || n === Math.max(...batches))
    ) {
      return stock!(args);
    }
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
  const [rowsA, columnsA] = a.shape.slice(-2);
  const [rowsB, columnsB] = b.shape.slice(-2);
  const [M, K] = transposeA ? [columnsA, rowsA] : [rowsA, columnsA];
  const N = transposeB ? rowsB : columnsB;
  const batchA = sizeOf(a.shape.slice(0, -2));
  const batchB = sizeOf(b.shape.slice(0, -2));
  const out = heap.makeOutput([...(batchA >= batchB ? a : b).shape.slice(0, -2), M, N], "float32");
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

function swapLastTwo(x: tf.Tensor): tf.Tensor {
  const order = x.shape.map((_, axis) => axis);
  const last = order.length - 1;
  [order[last], order[last - 1]] = [order[last - 1], order[last]];
  return tf.transpose(x, order);
}
