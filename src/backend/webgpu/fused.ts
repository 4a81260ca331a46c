import type { FusedOps } from "../fused.js";
import { ctc } from "./ctc.js";
import type { PooledWebGpu } from "./dispatch.js";
import { bidirectionalLstm } from "./lstm.js";
import { optimisers } from "./optimiser.js";

/** The fused operations of WebGPU. */
export function fusedOps(backend: PooledWebGpu): FusedOps {
  return {
    ...optimisers(backend),
    bidirectionalLstm: (xf, xr, whf, whr) => bidirectionalLstm(backend, xf, xr, whf, whr),
    ctc: (logits, labels, frames, labelLengths, blank) =>
      ctc(backend, logits, { labels, frames, labelLengths, blank }),
  };
}
