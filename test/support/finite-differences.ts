import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { randomStream } from "spectral-lab/core/random";

/** A float32 tensor of normal numbers, the same for the same seed. */
export function randomTensor<T extends tf.Tensor = tf.Tensor>(shape: number[], seed = 0, std = 1): T {
  const random = randomStream(seed, "test");
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal(0, std)),
    shape,
  ) as T;
}

/**
 * Checks the gradient of a function of several tensors against central differences, entry by entry, after contracting
 * its result with fixed random numbers. Differences are relative to the largest entry of each gradient.
 */
export async function checkGradient(
  f: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: tf.Tensor[],
  { step = 1e-2, tolerance = 3e-3 } = {},
): Promise<void> {
  const weights = randomTensor(f(...inputs).shape, 99);
  const scalar = (...x: tf.Tensor[]): tf.Scalar => tf.sum(tf.mul(f(...x), weights)) as tf.Scalar;
  const gradients = tf.grads(scalar)(inputs);
  for (let k = 0; k < inputs.length; k++) {
    const exact = await gradients[k].data();
    const values = await inputs[k].data();
    const scale = Math.max(1e-2, ...exact.map(Math.abs));
    for (let i = 0; i < values.length; i++) {
      const at = async (delta: number): Promise<number> => {
        const moved = Float32Array.from(values);
        moved[i] += delta;
        const changed = inputs.map((x, j) => (j === k ? tf.tensor(moved, x.shape) : x));
        return (await scalar(...changed).data())[0];
      };
      const difference = ((await at(step)) - (await at(-step))) / (2 * step);
      const error = Math.abs(difference - exact[i]) / scale;
      assert.ok(error < tolerance, `input ${k}, entry ${i}: gradient ${exact[i]}, difference ${difference}`);
    }
  }
}
