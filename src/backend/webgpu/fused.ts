import type { FusedOps } from "../fused.js";
import { batchNorm, batchNormEval } from "./batch-norm.js";
import { addBias, addBiasAndRelu, addBiasAndResidual } from "./bias.js";
import { causalAttention } from "./causal-attention.js";
import { crossEntropy } from "./cross-entropy.js";
import { ctc } from "./ctc.js";
import type { PooledWebGpu } from "./dispatch.js";
import { groupNorm } from "./group-norm.js";
import { lastAttention } from "./last-attention.js";
import { layerNorm } from "./layer-norm.js";
import { bidirectionalLstm } from "./lstm.js";
import { optimisers } from "./optimiser.js";

/** The fused operations of WebGPU. */
export function fusedOps(backend: PooledWebGpu): FusedOps {
  return {
    ...optimisers(backend),
    bidirectionalLstm: (xf, xr, whf, whr) => bidirectionalLstm(backend, xf, xr, whf, whr),
    ctc: (logits, labels, frames, labelLengths, blank) =>
      ctc(backend, logits, { labels, frames, labelLengths, blank }),
    crossEntropy: (logits, labels, scale) => crossEntropy(backend, logits, labels, scale),
    layerNorm: (x, gain, bias, epsilon) => layerNorm(backend, x, gain, bias, epsilon),
    groupNorm: (...args) => groupNorm(backend, ...args),
    batchNorm: (...args) => batchNorm(backend, ...args),
    batchNormEval: (...args) => batchNormEval(backend, ...args),
    addBias: (x, bias) => addBias(backend, x, bias),
    addBiasAndRelu: (x, bias) => addBiasAndRelu(backend, x, bias),
    addBiasAndResidual: (x, bias, residual) => addBiasAndResidual(backend, x, bias, residual),
    causalAttention: (projected, bias, heads) => causalAttention(backend, projected, bias, heads),
    lastAttention: (projected, bias, tokens, heads) => lastAttention(backend, projected, bias, tokens, heads),
  };
}
