import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { DataError } from "../core/errors.js";

/**
 * Cross entropy of logits with class numbers, summed over the batch. One node of the tape: the gradient is
 * softmax(logits) - onehot(labels). Stable for logits of any size.
 * A label outside [0, classes) makes the result NaN, so that training stops rather than ignores it; `checkLabels`
 * finds it on the host.
 * @param logits [n, classes]
 * @param labels int32 [n]
 */
export function crossEntropySum(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return fused().crossEntropy?.(logits, labels, 1) ?? composedCrossEntropySum(logits, labels);
}

/** Mean cross entropy over the batch; see `crossEntropySum`. */
export function crossEntropy(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const n = logits.shape[0];
  return fused().crossEntropy?.(logits, labels, 1 / n) ?? tf.div(composedCrossEntropySum(logits, labels), n);
}

/** `crossEntropySum` in tfjs operations: what the fused versions must equal. */
export function composedCrossEntropySum(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  const operation = tf.customGrad((x, save) => {
    const logProbabilities = tf.logSoftmax(x as tf.Tensor2D);
    const hot = tf.cast(tf.oneHot(labels, logits.shape[1]), "float32");
    (save as tf.GradSaveFunc)([logProbabilities, hot]);
    const own = tf.sum(tf.mul(logProbabilities, hot), 1);
    const valid = tf.sum(hot, 1); // 1, or 0 for a label that is no class: 0 / 0
    return {
      value: tf.neg(tf.sum(tf.div(own, valid))) as tf.Scalar,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.mul(tf.sub(tf.exp(saved[0]), saved[1]), dy),
    };
  });
  return operation(logits) as tf.Scalar;
}

/** How many rows of `logits` [n, classes] are largest elsewhere than at their label; a float32 scalar. */
export function countErrors(logits: tf.Tensor2D, labels: tf.Tensor1D): tf.Scalar {
  return tf.sum(tf.cast(tf.notEqual(tf.argMax(logits, 1), labels), "float32"));
}

/** @throws DataError naming the first label that is not an integer in [0, classes) */
export function checkLabels(place: string, labels: ArrayLike<number>, classes: number): void {
  for (let i = 0; i < labels.length; i++) {
    if (!Number.isInteger(labels[i]) || labels[i] < 0 || labels[i] >= classes) {
      throw new DataError(`${place}: label ${i} must be an integer in [0, ${classes}), found ${labels[i]}`);
    }
  }
}
