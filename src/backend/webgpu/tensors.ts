import * as tf from "@tensorflow/tfjs";
import type { PooledWebGpu } from "./dispatch.js";

/** A tensor of the engine around what a kernel of ours wrote. */
export function wrap(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}

/** A tensor of the engine without content, for a kernel of ours to write. */
export function emptyTensor(
  backend: PooledWebGpu,
  shape: readonly number[],
  dtype: tf.DataType = "float32",
): tf.Tensor {
  return wrap(backend.makeTensorInfo(shape, dtype));
}

interface Differentiable {
  readonly value: tf.Tensor;
  /** The gradients of all inputs from that of the value and from what was saved; what else it makes is freed. */
  readonly gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor[];
}

/** An operation with a gradient of its own, as `tf.customGrad`. */
export function differentiable(
  inputs: readonly tf.Tensor[],
  forward: (inputs: readonly tf.Tensor[], save: tf.GradSaveFunc) => Differentiable,
): tf.Tensor {
  const operation = tf.customGrad((...args) => {
    const save = args[args.length - 1] as unknown as tf.GradSaveFunc;
    const { value, gradFunc } = forward(args.slice(0, -1) as tf.Tensor[], save);
    return { value, gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.tidy(() => gradFunc(dy, saved)) };
  });
  return operation(...inputs);
}
