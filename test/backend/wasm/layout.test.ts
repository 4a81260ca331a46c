import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { uniform } from "./products.js";

/** Shape and permutation. */
const transposes = [
  [
    [37, 21],
    [1, 0],
  ],
  [
    [64, 32, 3, 3],
    [2, 3, 1, 0],
  ],
  [
    [3, 3, 33, 17],
    [3, 2, 0, 1],
  ],
  [
    [2, 7, 5, 9],
    [0, 2, 1, 3],
  ],
  [
    [2, 7, 5, 9],
    [0, 3, 2, 1],
  ],
  [
    [4, 1, 6, 5],
    [2, 1, 0, 3],
  ],
  [
    [3, 4, 18, 5],
    [3, 0, 1, 2],
  ],
  [
    [5, 6, 7],
    [1, 2, 0],
  ],
  [
    [2, 3, 4, 5, 6],
    [4, 3, 2, 1, 0],
  ],
];

/** Two shapes. */
const broadcasts = [
  [
    [3, 7, 4, 2],
    [3, 1, 4, 1],
  ],
  [
    [3, 1, 4, 1],
    [3, 7, 4, 2],
  ],
  [
    [5, 3],
    [5, 1],
  ],
  [[5, 3], [3]],
  [
    [2, 3, 1],
    [1, 1, 5],
  ],
  [
    [2, 1, 3, 1, 2],
    [2, 3, 2, 1],
  ],
  [[6], [1]],
  [
    [4, 3, 2],
    [4, 3, 2],
  ],
];

async function results(): Promise<[string, readonly number[], ArrayLike<number>][]> {
  const found: [string, readonly number[], ArrayLike<number>][] = [];
  const note = async (name: string, tensor: tf.Tensor): Promise<void> =>
    void found.push([name, tensor.shape, await read(tensor)]);
  for (const [shape, perm] of transposes)
    await note(`${shape.join()} by ${perm.join()}`, tf.transpose(uniform("x", shape), perm));
  for (const [a, b] of broadcasts) {
    for (const operation of ["add", "sub", "mul"] as const)
      await note(`${operation} ${a.join()} ${b.join()}`, tf[operation](uniform("a", a), uniform("b", b)));
  }
  return found;
}

test("wasm: transposes and broadcasts have the bits of plain JavaScript", async () => {
  await startBackend({ backend: "wasm" });
  const found = await results();
  await startBackend({ backend: "js" });
  assert.deepEqual(found, await results());
});

test("wasm: the gradient of max pooling is that of plain JavaScript, ties included", async () => {
  const results = async (): Promise<ArrayLike<number>[]> => {
    const found: ArrayLike<number>[] = [];
    for (const [shape, size, stride, pad] of [
      [[2, 9, 7, 3], 2, 2, "valid"],
      [[2, 8, 8, 6], 2, 2, "valid"],
      [[3, 7, 7, 9], 3, 2, "same"],
      [[2, 5, 5, 4], 3, 1, "same"],
    ] as const) {
      const x = tf.round(tf.mul(uniform("x", shape), 4)); // few values: many ties
      const pool = (t: tf.Tensor): tf.Tensor => tf.maxPool(t as tf.Tensor4D, size, stride, pad);
      found.push(await read(tf.grad(pool)(x, uniform("dy", pool(x).shape))));
    }
    return found;
  };
  await startBackend({ backend: "wasm" });
  const found = await results();
  await startBackend({ backend: "js" });
  const expected = await results();
  for (const [i, values] of expected.entries())
    for (let j = 0; j < values.length; j++) assert.ok(Math.abs(found[i][j] - values[j]) < 1e-6);
});

test("wasm: a product with a row and one with the same numbers as a column disturb nothing", async () => {
  await startBackend({ backend: "wasm" });
  const [one, row] = [tf.tensor4d([3], [1, 1, 1, 1]), uniform("row", [1, 1, 1, 4]) as tf.Tensor4D];
  for (let i = 0; i < 20; i++) {
    const product = (a: tf.Tensor, b: tf.Tensor): tf.Tensor => tf.sum(tf.matMul(a, b));
    const [da, db] = tf.grads(product)([one, row]);
    const [sum] = await read(tf.sum(row));
    assert.ok(Math.abs((await read(da))[0] - sum) < 1e-6);
    assert.deepEqual([...(await read(db))], [3, 3, 3, 3]);
    for (let size = 1; size < 2000; size += 37) tf.zeros([size]).dispose();
  }
});

test("wasm: a cast that changes nothing shares memory, which outlives either tensor", async () => {
  await startBackend({ backend: "wasm" });
  const x = tf.tensor1d([1, 2, 3]);
  const cast = tf.cast(x, "float32");
  x.dispose();
  assert.deepEqual([...(await read(cast))], [1, 2, 3]);
  assert.deepEqual([...(await read(tf.cast(cast, "int32")))], [1, 2, 3]);
  cast.dispose();
});
