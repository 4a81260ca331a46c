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

/** An operation with a gradient of its own: `forward` gives the value and, from dy, the gradients of all inputs. */
export function differentiable(
  inputs: readonly tf.Tensor[],
  forward: (
    inputs: readonly tf.Tensor[],
    save: tf.GradSaveFunc,
  ) => {
    readonly value: tf.Tensor;
    readonly gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
  },
): tf.Tensor {
  const operation = tf.customGrad((...args) =>
    forward(args.slice(0, -1) as tf.Tensor[], args[args.length - 1] as unknown as tf.GradSaveFunc),
  );
  return operation(...inputs);
}
