import * as tf from "@tensorflow/tfjs";
import { countErrors, crossEntropySum } from "../nn/cross-entropy.js";
import type { Content, Metrics } from "../nn/model.js";

/** One batch of labelled images. */
export interface ImageTensors {
  /** float32 [n, height, width, channels]. */
  readonly images: tf.Tensor4D;
  /** int32 [n]. */
  readonly labels: tf.Tensor1D;
}

/** Sums over a batch: cross entropy, errors. `logits` is called inside a tidy and gives [n, classes]. */
export function classificationSums(logits: () => tf.Tensor2D, labels: tf.Tensor1D): [tf.Tensor1D] {
  return [
    tf.tidy(() => {
      const output = logits();
      return tf.stack([crossEntropySum(output, labels), countErrors(output, labels)]) as tf.Tensor1D;
    }),
  ];
}

/** Cross entropy and error, from `classificationSums` over `count` examples. */
export function classificationMetrics([[loss, errors]]: readonly Content[], count: number): Metrics {
  return { loss: { sum: loss, count }, error: { sum: errors, count } };
}
