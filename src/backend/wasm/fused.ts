import * as tf from "@tensorflow/tfjs";
import type { FusedOps } from "../fused.js";
import { hostCtc } from "../host/ctc.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";
import { bidirectionalLstm } from "./lstm.js";

/** The fused operations of WebAssembly. */
export function fusedOps(kernel: Kernel, heap: WasmHeap): FusedOps {
  const at = (tensor: tf.TensorInfo): number => address(heap, tensor);
  return {
    ctc: hostCtc,
    bidirectionalLstm: (xf, xr, whf, whr) => bidirectionalLstm(kernel, heap, xf, xr, whf, whr),
    adamw(p, m, v, g, step) {
      const next = [p, m, v].map(({ shape }) => heap.makeOutput(shape, "float32"));
      kernel.adamw(
        p.size,
        ...[p, m, v, g, ...next].map(at),
        1 - step.learningRate * step.weightDecay,
        step.learningRate / (1 - step.beta1 ** step.step),
        1 / (1 - step.beta2 ** step.step),
        step.epsilon,
        step.beta1,
        1 - step.beta1,
        step.beta2,
        1 - step.beta2,
      );
      return next.map(wrap) as [tf.Tensor, tf.Tensor, tf.Tensor];
    },
    sgd(p, v, g, step) {
      const next = [p, v].map(({ shape }) => heap.makeOutput(shape, "float32"));
      kernel.sgd(p.size, ...[p, v, g, ...next].map(at), step.learningRate, step.momentum, step.weightDecay);
      return next.map(wrap) as [tf.Tensor, tf.Tensor];
    },
  };
}

function wrap(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
