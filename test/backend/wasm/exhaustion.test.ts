import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { asWasm } from "spectral-lab/backend/wasm/heap";
import { startBackend } from "spectral-lab/backend/start";
import { BackendError } from "spectral-lab/core/errors";
import { read } from "spectral-lab/backend/read";

test("wasm: a library that was asked for and cannot be used is named; a tensor without room is an error", async () => {
  process.env.SPECTRAL_LAPACK = "libnothing-of-that-name.so";
  const { description, versions } = await startBackend({ backend: "wasm" });
  assert.match(description, /^WebAssembly \(SIMD\) on one CPU core; BLAS: no library could be used/);
  assert.equal(versions.blas, undefined);
  const small = tf.tensor1d([1, 2, 3]);
  const heap = asWasm(tf.backend());
  const half = heap.makeOutput([2 ** 29], "float32"); // 2 GiB, which nobody touches
  assert.throws(() => heap.makeOutput([2 ** 29], "float32"), BackendError);
  heap.disposeData(half.dataId);
  assert.deepEqual([...(await read(tf.add(small, small)))], [2, 4, 6]);
});
