import * as tf from "@tensorflow/tfjs";
import type { FusedOps } from "../fused.js";
import { hostCtc } from "../host/ctc.js";
import { batchNorm } from "./batch-norm.js";
import { causalAttention } from "./causal-attention.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";
import type { ProductTeam } from "./product-team.js";
import { layerNorm } from "./layer-norm.js";
import { bidirectionalLstm } from "./lstm.js";

/** The fused operations of WebAssembly. @param team computes products, where there is a BLAS */
export function fusedOps(kernel: Kernel, heap: WasmHeap, team?: ProductTeam): FusedOps {
  const at = (tensor: tf.TensorInfo): number => address(heap, tensor);
  return {
    ctc: hostCtc,
    layerNorm: (x, gain, bias, epsilon) => layerNorm(kernel, heap, x, gain, bias, epsilon),
    ...(team && {
      causalAttention: (projected, bias, heads) =>
        causalAttention(kernel, team, heap, projected, bias, heads),
    }),
    batchNorm: (x, gain, bias, epsilon) => batchNorm(kernel, heap, x, gain, bias, epsilon),
    bidirectionalLstm: (xf, xr, whf, whr) => bidirectionalLstm(kernel, heap, xf, xr, whf, whr),
    adamw(p, m, v, g, { values: [decay, rate, correction] }, { beta1, beta2, epsilon }) {
      const next = [p, m, v].map(({ shape }) => heap.makeOutput(shape, "float32"));
      kernel.adamw(
        p.size,
        ...[p, m, v, g, ...next].map(at),
        decay,
        rate,
        correction,
        epsilon,
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
      );
      return next.map(wrap) as [tf.Tensor, tf.Tensor, tf.Tensor];
    },
    sgd(p, v, g, { values: [rate] }, { momentum, weightDecay }) {
      const next = [p, v].map(({ shape }) => heap.makeOutput(shape, "float32"));
      kernel.sgd(p.size, ...[p, v, g, ...next].map(at), rate, momentum, weightDecay);
      return next.map(wrap) as [tf.Tensor, tf.Tensor];
    },
  };
}

function wrap(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
