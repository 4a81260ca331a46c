import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";
import type { Examples } from "spectral-lab/train/examples";
import { keepBatches } from "spectral-lab/train/kept-batches";

before(() => startBackend({ backend: "wasm" }));

interface Batch {
  readonly x: tf.Tensor;
  readonly lengths: Int32Array;
}

/** Ten examples, the numbers of which are their indices; and how many batches were made of them. */
function counted(fixed: boolean): { examples: Examples<Batch>; made: () => number } {
  let made = 0;
  const batch = (indices: Int32Array): Batch => {
    made++;
    return { x: tf.tensor1d(indices, "int32"), lengths: indices };
  };
  return { examples: { count: 10, fixed, batch }, made: () => made };
}

/** Reads batches of five, passes over the data `passes` times. */
async function read(examples: Examples<Batch>, passes: number): Promise<number[]> {
  const seen: number[] = [];
  for (let i = 0; i < 2 * passes; i++) {
    const start = 5 * (i % 2);
    const batch = examples.batch(
      Int32Array.from({ length: 5 }, (_, k) => start + k),
      randomStream(0, "batch"),
    );
    seen.push(...(await batch.x.data()), ...batch.lengths);
    tf.dispose(batch.x);
  }
  return seen;
}

test("a batch is made once, is the same again whoever frees it, and all are freed in the end", async () => {
  const before = tf.memory().numTensors;
  const [plain, { examples, made }] = [counted(true), counted(true)];
  const kept = keepBatches(examples);
  assert.deepEqual(await read(kept, 3), await read(plain.examples, 3));
  assert.deepEqual([made(), plain.made()], [2, 6]);
  assert.equal(tf.memory().numTensors, before + 2);
  kept.dispose();
  assert.equal(tf.memory().numTensors, before);
});

test("beyond the bytes that it may keep, and of random examples, every batch is made anew", async () => {
  const before = tf.memory().numTensors;
  for (const [fixed, bytes, expected] of [
    [true, 20, 4],
    [false, 1000, 6],
  ] as const) {
    const { examples, made } = counted(fixed);
    const kept = keepBatches(examples, bytes); // a batch has 20 bytes
    await read(kept, 3);
    assert.equal(made(), expected);
    kept.dispose();
  }
  assert.equal(tf.memory().numTensors, before);
});
