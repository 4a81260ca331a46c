import * as tf from "@tensorflow/tfjs";
import { read } from "../backend/read.js";
import { countErrors, crossEntropySum } from "../nn/cross-entropy.js";
import type { Metrics } from "../nn/model.js";

/** One batch of labelled images. */
export interface ImageTensors {
  /** float32 [n, height, width, channels]. */
  readonly images: tf.Tensor4D;
  /** int32 [n]. */
  readonly labels: tf.Tensor1D;
}

/** Cross entropy and error over a batch, in one read. `logits` is called inside a tidy and gives [n, classes]. */
export async function classificationMetrics(
  logits: () => tf.Tensor2D,
  labels: tf.Tensor1D,
): Promise<Metrics> {
  const sums = tf.tidy(() => {
    const output = logits();
    return tf.stack([crossEntropySum(output, labels), countErrors(output, labels)]);
  });
  const [loss, errors] = await read(sums);
  sums.dispose();
  return { loss: { sum: loss, count: labels.size }, error: { sum: errors, count: labels.size } };
}
