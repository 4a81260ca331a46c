import * as tf from "@tensorflow/tfjs";

/** x sigmoid(x), also called SiLU. */
export function swish<T extends tf.Tensor>(x: T): T {
  return tf.mul(x, tf.sigmoid(x));
}
