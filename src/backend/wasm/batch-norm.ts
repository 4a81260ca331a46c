import * as tf from "@tensorflow/tfjs";
import type { BatchNormalised } from "../fused.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";

/** Batch normalisation (see FusedOps): x is read twice and y written once, where the composed form makes 17 passes. */
export function batchNorm(
  kernel: Kernel,
  heap: WasmHeap,
  x: tf.Tensor2D,
  gain: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): BatchNormalised {
  const [rows, C] = x.shape;
  const make = (shape: number[]): tf.Tensor =>
    tf.engine().makeTensorFromTensorInfo(heap.makeOutput(shape, "float32"));
  const at = (tensor: tf.Tensor): number => address(heap, tensor);
  const mean = tf.keep(make([C]));
  const variance = tf.keep(make([C]));

  const run = tf.customGrad((...args) => {
    const [x, gain, bias] = args.slice(0, 3) as tf.Tensor[];
    const save = args[3] as unknown as tf.GradSaveFunc;
    const y = make([rows, C]);
    const scratch = make([4 * C]);
    kernel.columnMoments(rows, C, at(x), at(mean), at(variance), at(scratch));
    kernel.normaliseColumns(...[rows, C, epsilon], ...[x, mean, variance, gain, bias, y, scratch].map(at));
    scratch.dispose();
    // Copies, since the caller may free the moments before the gradient is taken.
    save([x, gain, mean.clone(), variance.clone()]);
    const gradFunc = (dy: tf.Tensor, [x, gain, mean, variance]: tf.Tensor[]): tf.Tensor[] => {
      const results = [make([rows, C]), make([C]), make([C])];
      const scratch = make([4 * C]);
      kernel.normaliseColumnsGradient(
        ...[rows, C, epsilon],
        ...[x, mean, variance, gain, dy, ...results, scratch].map(at),
      );
      scratch.dispose();
      return results;
    };
    return { value: y, gradFunc };
  });
  return { y: run(x, gain, bias) as tf.Tensor2D, mean, variance };
}
