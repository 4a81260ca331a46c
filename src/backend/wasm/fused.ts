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
  const fresh = ({ shape }: tf.Tensor): tf.Tensor => wrap(heap.makeOutput(shape, "float32"));
  return {
    ctc: hostCtc,
    layerNorm: (x, gain, bias, epsilon) => layerNorm(kernel, heap, x, gain, bias, epsilon),
    ...(team && {
      causalAttention: (projected, bias, heads) =>
        causalAttention(kernel, team, heap, projected, bias, heads),
    }),
    batchNorm: (...args) => batchNorm(kernel, heap, ...args),
    bidirectionalLstm: (xf, xr, whf, whr) => bidirectionalLstm(kernel, heap, xf, xr, whf, whr),
    adamw(states, gradients, { values: [decay, rate, correction] }, { beta1, beta2, epsilon }, inPlace) {
      return states.map((state, i) => {
        const { p, m, v } = state;
        const next = inPlace ? state : { p: fresh(p), m: fresh(m), v: fresh(v) };
        const addresses = [p, m, v, gradients[i], next.p, next.m, next.v].map(at);
        const rates = [decay, rate, correction, epsilon, beta1, 1 - beta1, beta2, 1 - beta2];
        kernel.adamw(p.size, ...addresses, ...rates);
        return next;
      });
    },
    sgd(states, gradients, { values: [rate] }, { momentum, weightDecay }, inPlace) {
      return states.map((state, i) => {
        const { p, v } = state;
        const next = inPlace ? state : { p: fresh(p), v: fresh(v) };
        kernel.sgd(p.size, ...[p, v, gradients[i], next.p, next.v].map(at), rate, momentum, weightDecay);
        return next;
      });
    },
  };
}

function wrap(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(info);
}
