import * as tf from "@tensorflow/tfjs";
import type { Parameters } from "./model.js";

/**
 * The point (1 - alpha) a + alpha b of the line between two sets of tensors; exactly a at 0 and exactly b at 1. Tensors that
 * b lacks stay as they are in a. New handles, the caller's to dispose.
 * @throws RangeError if a tensor of b is of another shape
 * @example interpolate(parametersOf(first), parametersOf(second), 0.5); // half-way
 */
export function interpolate(a: Parameters, b: Parameters, alpha: number): Map<string, tf.Tensor> {
  for (const [name, { shape }] of b) {
    const from = a.get(name)?.shape;
    if (`${from}` !== `${shape}`)
      throw new RangeError(`interpolate: "${name}": expected shape [${from}], found [${shape}]`);
  }
  return new Map([...a].map(([name, from]) => [name, between(from, b.get(name), alpha)]));
}

function between(from: tf.Tensor, to: tf.Tensor | undefined, alpha: number): tf.Tensor {
  if (to === undefined || alpha === 0) return from.clone();
  if (alpha === 1) return to.clone();
  return tf.tidy(() => tf.add(tf.mul(from, 1 - alpha), tf.mul(to, alpha)));
}
