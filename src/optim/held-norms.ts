import * as tf from "@tensorflow/tfjs";
import { replaced, type Optimiser } from "./optimiser.js";

/** The Frobenius norms that parameters are to have once a run has made `step` updates. */
export type NormsAt = (step: number) => ReadonlyMap<string, number>;

/**
 * Rescales parameters after every update of `inner` to given Frobenius norms: what decay and learning rate make of norms is
 * undone, the direction of the weights is `inner`'s. Moments and momentum are those of `inner`, untouched.
 *
 * @param names of the parameters that are held; the others are free
 * @throws RangeError at an update for which a held parameter has no norm
 * @example heldNorms(["fc.weight"], () => new Map([["fc.weight", 3]]), adamw({ learningRate: 1e-3, weightDecay: 0.1 }))
 */
export function heldNorms(names: readonly string[], normsAt: NormsAt, inner: Optimiser): Optimiser {
  return {
    settings: inner.settings,
    init: inner.init,
    scalars(step, count) {
      const norms = normsAt(step + 1);
      const own = names.map((name) => {
        const norm = norms.get(name);
        if (norm === undefined) throw new RangeError(`heldNorms: no norm of "${name}" after step ${step}`);
        return norm;
      });
      return [...own, ...inner.scalars(step, count)];
    },
    update(gradients, state, parameters, scalars, inPlace) {
      const [norms, others] = scalars.split(names.length);
      const updated = inner.update(gradients, state, parameters, others, inPlace);
      const next = replaced(updated.parameters, parameters, (tensor, name) => {
        const held = names.indexOf(name);
        return held < 0 ? undefined : scaledTo(tf.slice(norms.tensor, [held], [1]), tensor);
      });
      norms.dispose();
      others.dispose();
      return { parameters: next, state: updated.state };
    },
  };
}

/**
 * A tensor brought to a Frobenius norm, to the precision of float32; zeros stay zeros. Entries are divided by the largest
 * first, so that no square underflows, and summed row by row: one long float32 sum would lose digits.
 */
function scaledTo(norm: tf.Tensor1D, tensor: tf.Tensor): tf.Tensor {
  const largest = tf.maximum(tf.max(tf.abs(tensor)), 1e-37);
  const scaled = tf.div(tensor, largest);
  const rows = tf.reshape(tf.square(scaled), [tensor.shape[0] ?? 1, -1]);
  const length = tf.maximum(tf.sqrt(tf.sum(tf.sum(rows, 1))), 1); // at least 1 but for zeros
  return tf.mul(scaled, tf.div(norm, length));
}
