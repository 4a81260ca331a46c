import assert from "node:assert/strict";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";

/** n, height, width, channels, filters, filter height and width, strides, padding. */
type Case = readonly [...number[], "same" | "valid" | number];

const convolutions: readonly Case[] = [
  [2, 9, 7, 3, 5, 3, 3, 1, 1, "same"],
  [3, 8, 8, 16, 32, 3, 3, 2, 2, 1],
  [2, 5, 6, 4, 8, 1, 1, 1, 1, "valid"],
  [2, 6, 6, 8, 8, 1, 1, 2, 2, "valid"],
  [2, 11, 13, 6, 10, 2, 3, 3, 2, "valid"],
  [1, 28, 28, 1, 64, 3, 3, 1, 1, "valid"],
  [130, 4, 4, 8, 8, 3, 3, 1, 1, "same"],
  [2, 5, 5, 3, 4, 5, 5, 1, 1, "same"],
  [0, 5, 5, 3, 4, 3, 3, 1, 1, "same"],
  [5, 32, 32, 24, 24, 3, 3, 1, 1, "same"], // several tiles of patches, each in several parts
];

/** Batches of either operand, m, n, k, whether each is transposed. */
const products = [
  [1, 1, 33, 65, 129, false, false],
  [1, 1, 33, 65, 129, true, false],
  [1, 1, 300, 300, 600, true, true],
  [5, 5, 17, 31, 19, false, true],
  [5, 1, 17, 31, 19, true, false],
  [1, 4, 17, 31, 19, false, false],
  [40, 40, 64, 64, 64, true, true],
  [50, 50, 3, 3, 8, false, true],
] as const;

interface Result {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Convolutions with both gradients and products, on the current backend. */
async function results(): Promise<Result[]> {
  const found: Result[] = [];
  const note = async (name: string, tensor: tf.Tensor): Promise<void> => {
    found.push({ name, shape: tensor.shape, values: (await read(tensor)) as Float32Array });
    tensor.dispose();
  };
  for (const [i, sizes] of convolutions.entries()) {
    const [n, height, width, c, f, kh, kw, sh, sw] = sizes as unknown as number[];
    const convolve = (x: tf.Tensor, k: tf.Tensor): tf.Tensor =>
      tf.conv2d(x as tf.Tensor4D, k as tf.Tensor4D, [sh, sw], sizes[9] as "same" | "valid" | number);
    const [x, filter] = [uniform(`x${i}`, [n, height, width, c]), uniform(`filter${i}`, [kh, kw, c, f])];
    const y = convolve(x, filter);
    const [dx, dFilter] = tf.grads(convolve)([x, filter], uniform(`dy${i}`, y.shape));
    await note(`y of ${sizes.join()}`, y);
    await note(`dx of ${sizes.join()}`, dx);
    await note(`dFilter of ${sizes.join()}`, dFilter);
    tf.dispose([x, filter]);
  }
  for (const [i, [batchA, batchB, m, n, k, turnA, turnB]] of products.entries()) {
    const a = uniform(`a${i}`, turnA ? [batchA, k, m] : [batchA, m, k]);
    const b = uniform(`b${i}`, turnB ? [batchB, n, k] : [batchB, k, n]);
    await note(`product ${products[i].join()}`, tf.matMul(a, b, turnA, turnB));
    tf.dispose([a, b]);
  }
  return found;
}

/** Compares WebAssembly, as it starts here, with plain JavaScript, and with itself to the last bit. */
export async function checkProducts(): Promise<void> {
  await startBackend({ backend: "wasm" });
  const before = tf.memory().numTensors;
  const [found, again] = [await results(), await results()];
  assert.ok(tf.memory().numTensors <= before + 2 * convolutions.length, "tensors are left over"); // the dy
  await startBackend({ backend: "js" });
  const expected = await results();
  for (const [i, { name, shape, values }] of expected.entries()) {
    assert.deepEqual(found[i].shape, shape, name);
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const off = values.reduce((most, value, j) => Math.max(most, Math.abs(value - found[i].values[j])), 0);
    assert.ok(off <= 1e-5 * largest, `${name}: ${off / largest} of the largest element`);
    assert.deepEqual(again[i].values, found[i].values, name);
  }
}

export function uniform(name: string, shape: readonly number[]): tf.Tensor {
  const random = randomStream(7, name);
  const size = shape.reduce((product, n) => product * n, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.uniform(-1, 1)),
    [...shape],
  );
}
