import * as tf from "@tensorflow/tfjs";
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
    update(gradients, state, parameters, scalars) {
      const factor = tf.tidy(() => tf.minimum(tf.div(maxNorm, tf.add(globalNorm(gradients), 1e-6)), 1));
      const clipped = new Map([...gradients].map(([name, g]) => [name, tf.mul(g, factor)]));
      const updated = inner.update(clipped, state, parameters, scalars);
      factor.dispose();
      clipped.forEach((g) => g.dispose());
      return updated;
    },
  };
}

/** The Euclidean norm of all tensors together; a scalar. */
export function globalNorm(tensors: Parameters): tf.Scalar {
  return tf.tidy(() => {
    const squares = [...tensors.values()].map((tensor) => tf.sum(tf.square(tensor)));
    return tf.sqrt(tf.sum(tf.stack(squares))) as tf.Scalar; // addN of so many would exceed a GPU's bindings
  });
}
