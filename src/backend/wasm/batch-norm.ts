import * as tf from "@tensorflow/tfjs";
import type { BatchNormOptions, BatchNormResult, RunningStatistics } from "../fused.js";
import { nextStatistics } from "../running-statistics.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";

/** Batch normalisation in training mode, see FusedOps. */
export function batchNorm(
  kernel: Kernel,
  heap: WasmHeap,
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  running: RunningStatistics,
  { momentum, epsilon, relu, shift }: BatchNormOptions,
): BatchNormResult {
  const rows = x.size / gain.size;
  const columns = tf.reshape(x, [rows, gain.size]) as tf.Tensor2D;
  const { y, mean, variance } = normaliseColumns(kernel, heap, columns, [gain, bias], epsilon, shift);
  const next = tf.tidy(() => {
    const moved = shift ? tf.add(mean, tf.reshape(shift, mean.shape)) : mean;
    return { ...nextStatistics(running, { mean: moved, variance }, rows, momentum) };
  });
  tf.dispose([mean, variance]);
  const normalised = tf.reshape(y, x.shape);
  return { y: relu ? tf.relu(normalised) : normalised, running: next };
}

/**
 * (x - mean) / sqrt(variance + epsilon) gain + bias by the moments of the columns of x: x is read twice and y written once, where
 * the composed form makes 17 passes. Mean and biased variance, [columns], are kept, and the caller's.
 * @param unread what the result does not depend on: its gradient is 0
 */
function normaliseColumns(
  kernel: Kernel,
  heap: WasmHeap,
  x: tf.Tensor2D,
  [gain, bias]: readonly [tf.Tensor, tf.Tensor],
  epsilon: number,
  unread?: tf.Tensor,
): RunningStatistics & { readonly y: tf.Tensor2D } {
  const [rows, C] = x.shape;
  const make = (shape: number[]): tf.Tensor =>
    tf.engine().makeTensorFromTensorInfo(heap.makeOutput(shape, "float32"));
  const at = (tensor: tf.Tensor): number => address(heap, tensor);
  const mean = tf.keep(make([C]));
  const variance = tf.keep(make([C]));

  const run = tf.customGrad((...args) => {
    const [x, gain, bias] = args.slice(0, 3) as tf.Tensor[];
    const save = args[args.length - 1] as unknown as tf.GradSaveFunc;
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
      return unread ? [...results, tf.zerosLike(unread)] : results;
    };
    return { value: y, gradFunc };
  });
  const y = run(x, gain, bias, ...(unread ? [unread] : [])) as tf.Tensor2D;
  return { y, mean, variance };
}
