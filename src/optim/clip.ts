import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import type { Parameters } from "../nn/model.js";
import type { Optimiser } from "./optimiser.js";

/**
 * Scales all gradients by one factor so that their global norm is at most `maxNorm`, then lets `inner` update.
 * The factor is PyTorch's: min(1, maxNorm / (norm + 1e-6)).
 */
export function clipByGlobalNorm(maxNorm: number, inner: Optimiser): Optimiser {
  const { settings } = inner;
  return {
    settings: { ...settings, constants: { ...settings.constants, clipNorm: maxNorm } },
    init: inner.init,
    scalars: inner.scalars,
    update(gradients, state, parameters, scalars, inPlace) {
      const factor = tf.tidy(() => tf.minimum(tf.div(maxNorm, tf.add(globalNorm(gradients), 1e-6)), 1));
      const clipped = scaled(gradients, factor as tf.Scalar);
      const updated = inner.update(clipped, state, parameters, scalars, inPlace);
      factor.dispose();
      clipped.forEach((g) => g.dispose());
      return updated;
    },
  };
}

/** The Euclidean norm of all tensors together; a scalar. */
export function globalNorm(tensors: Parameters): tf.Scalar {
  const all = [...tensors.values()];
  return tf.tidy(() => {
    const squares = fused().squareSums?.(all) ?? tf.stack(all.map((tensor) => tf.sum(tf.square(tensor)))); // addN takes too few
    return tf.sqrt(tf.sum(squares)) as tf.Scalar;
  });
}

function scaled(tensors: Parameters, factor: tf.Scalar): Parameters {
  const all = [...tensors.values()];
  const products = fused().scale?.(all, factor) ?? all.map((tensor) => tf.mul(tensor, factor));
  return new Map([...tensors.keys()].map((name, i) => [name, products[i]]));
}
