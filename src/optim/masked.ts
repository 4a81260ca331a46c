import * as tf from "@tensorflow/tfjs";
import type { Parameters } from "../nn/model.js";
import { mapParameters } from "../nn/parameters.js";
import { replaced, type Optimiser } from "./optimiser.js";

/**
 * Holds weights at exactly 0 where their mask is 0, for lottery tickets: masks the gradients before `inner` sees them
 * (so that clipping and moments do without them) and the weights after, whatever momentum and decay made of them. Start
 * from masked weights, so that the first batch sees them, as in the authors' code; it masks gradients only after the
 * optimiser's step, when nothing reads them any more (docs/quirks.md).
 * @param masks 0/1 tensors by parameter name; parameters without one are free. The caller keeps and disposes them.
 */
export function masked(masks: Parameters, inner: Optimiser): Optimiser {
  return {
    settings: inner.settings,
    init: inner.init,
    scalars: inner.scalars,
    update(gradients, state, parameters, scalars, inPlace) {
      const held = applyMasks(gradients, masks);
      const updated = inner.update(held, state, parameters, scalars, inPlace);
      held.forEach((tensor) => tensor.dispose());
      const next = replaced(updated.parameters, parameters, (tensor, name) => {
        const mask = masks.get(name);
        return mask && tf.mul(tensor, mask);
      });
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
