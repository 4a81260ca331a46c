import * as tf from "@tensorflow/tfjs";
import type { Parameters } from "../nn/model.js";
import { mapParameters } from "../nn/parameters.js";
import type { Optimiser } from "./optimiser.js";

/**
 * Holds weights at 0 where their mask is 0, for lottery tickets: masks the gradients before `inner` sees them and the
 * weights after. Start from `applyMasks(parameters, masks)`, so that the first batch already sees masked weights (the
 * authors' code masks them after it: docs/quirks.md).
 * @param masks 0/1 tensors by parameter name; parameters without one are free. The caller keeps and disposes them.
 */
export function masked(masks: Parameters, inner: Optimiser): Optimiser {
  return {
    init: inner.init,
    update(gradients, state, parameters) {
      const held = applyMasks(gradients, masks);
      const updated = inner.update(held, state, parameters);
      const next = applyMasks(updated.parameters, masks);
      held.forEach((tensor) => tensor.dispose());
      updated.parameters.forEach((tensor) => tensor.dispose());
      return { parameters: next, state: updated.state };
    },
  };
}

/** New tensors: each times its mask, or a copy where it has none. */
export function applyMasks(tensors: Parameters, masks: Parameters): Map<string, tf.Tensor> {
  return mapParameters(tensors, (tensor, name) => {
    const mask = masks.get(name);
    return mask ? tf.mul(tensor, mask) : tensor.clone();
  });
}
