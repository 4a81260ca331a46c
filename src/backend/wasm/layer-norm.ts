import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";

/** Layer normalisation (see FusedOps) in one pass each way. */
export function layerNorm(
  kernel: Kernel,
  heap: WasmHeap,
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  const C = x.shape[x.rank - 1];
  const rows = sizeOf(x.shape) / C;
  const make = (shape: number[]): tf.Tensor =>
    tf.engine().makeTensorFromTensorInfo(heap.makeOutput(shape, "float32"));
  const at = (tensor: tf.Tensor): number => address(heap, tensor);

  const run = tf.customGrad((...args) => {
    const [x, gain, bias] = args.slice(0, 3) as tf.Tensor[];
    const save = args[3] as unknown as tf.GradSaveFunc;
    const [y, mean, inverse] = [make(x.shape), make([rows]), make([rows])];
    kernel.normaliseRows(rows, C, epsilon, ...[x, gain, bias, y, mean, inverse].map(at));
    save([x, gain, mean, inverse]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const results = [make(x.shape), make([C]), make([C])];
      const scratch = make([4 * C]);
      kernel.normaliseRowsGradient(rows, C, ...[...saved, dy, ...results, scratch].map(at));
      scratch.dispose();
      return results;
    };
    return { value: y, gradFunc };
  });
  return run(x, gain, bias);
}
