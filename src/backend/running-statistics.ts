import * as tf from "@tensorflow/tfjs";
import type { RunningStatistics } from "./fused.js";

/**
 * The next running statistics of a batch normalisation: `momentum` of the batch's mean and unbiased variance, the rest of those before.
 * New tensors; none given is changed or disposed.
 * @param batch mean and biased variance of `count` rows, of `channels` elements each in any shape
 */
export function nextStatistics(
  before: RunningStatistics,
  batch: RunningStatistics,
  count: number,
  momentum: number,
): RunningStatistics {
  const blend = (old: tf.Tensor, fresh: tf.Tensor, factor: number): tf.Tensor =>
    tf.tidy(() => tf.add(tf.mul(old, 1 - momentum), tf.mul(tf.reshape(fresh, old.shape), momentum * factor)));
  return {
    mean: blend(before.mean, batch.mean, 1),
    variance: blend(before.variance, batch.variance, count / Math.max(1, count - 1)),
  };
}
