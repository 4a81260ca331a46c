import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { interpolate } from "spectral-lab/nn/interpolate";
import { disposeParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";

before(() => startBackend({ backend: "wasm" }));

const vector = (...values: number[]): NamedArrays =>
  new Map([["w", float32([values.length], Float32Array.from(values))]]);

/** The bits of the numbers between two vectors. */
async function bitsAt(alpha: number, a: NamedArrays, b: NamedArrays): Promise<Uint32Array> {
  const [from, to] = [toTensors(a), toTensors(b)];
  const point = interpolate(from, to, alpha);
  const { data } = (await toArrays(point)).get("w")!;
  [from, to, point].forEach(disposeParameters);
  return new Uint32Array((data as Float32Array).buffer, data.byteOffset, data.length);
}

test("0 and 1 are the ends bit for bit, also where arithmetic would change them", async () => {
  const [a, b] = [vector(-0, 1e-45, 3e38, 0.1), vector(1, -0, 3e38, NaN)];
  const tensors = tf.memory().numTensors;
  for (const [alpha, end] of [[0, a] as const, [1, b] as const]) {
    const data = end.get("w")!.data as Float32Array;
    assert.deepEqual(await bitsAt(alpha, a, b), new Uint32Array(data.buffer), `alpha ${alpha}`);
  }
  assert.equal(tf.memory().numTensors, tensors);
});

test("between the ends every number moves evenly, and what the end lacks stays", async () => {
  const from = toTensors(new Map([...vector(0, 8), ["still", float32([1], Float32Array.of(5))]]));
  const to = toTensors(vector(4, -8));
  const point = interpolate(from, to, 0.25);
  const arrays = await toArrays(point);
  assert.deepEqual(
    [...arrays].map(([name, { data }]) => [name, ...data]),
    [
      ["w", 1, 4],
      ["still", 5],
    ],
  );
  [from, to, point].forEach(disposeParameters);
});

test("tensors of other shapes are refused by name", () => {
  const [a, b] = [toTensors(vector(1)), toTensors(vector(1, 2))];
  assert.throws(() => interpolate(a, b, 0.5), /"w": expected shape \[1\], found \[2\]/);
  [a, b].forEach(disposeParameters);
});
