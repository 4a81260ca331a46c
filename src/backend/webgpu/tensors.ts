import * as tf from "@tensorflow/tfjs";

/** A tensor of the engine around what a kernel of ours wrote. */
export function wrap(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
