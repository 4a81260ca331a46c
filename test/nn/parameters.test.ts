import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { float32, type NdArray } from "spectral-lab/core/array";
import { DataError, SpectralError } from "spectral-lab/core/errors";
import { mlp } from "spectral-lab/models/mlp";
import { vgg } from "spectral-lab/models/vgg";
import { disposeParameters, get, mapParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";
import { sinusoidalPositions } from "spectral-lab/nn/positions";
import { splitStateDict } from "spectral-lab/nn/state-dict";

before(async () => {
  await startBackend({ backend: "js" });
});

test("arrays survive the way to the device and back, in order, and nothing is left there", async () => {
  const arrays = new Map<string, NdArray>([
    ["w", float32([2, 2], Float32Array.of(1, -2, 3.5, 1e-30))],
    ["steps", { dtype: "I32", shape: [], data: Int32Array.of(7) }],
  ]);
  const before = tf.memory().numTensors;
  const tensors = toTensors(arrays);
  assert.deepEqual(await toArrays(tensors), arrays);
  const doubled = mapParameters(tensors, (tensor) => tf.mul(tf.add(tensor, 0), 2));
  assert.deepEqual(Array.from(await doubled.get("steps")!.data()), [14]);
  disposeParameters(tensors);
  disposeParameters(doubled);
  assert.equal(tf.memory().numTensors, before);
});

test("an unknown name and an element type that no backend holds are errors", () => {
  assert.throws(
    () => get(new Map(), "w"),
    (error: Error) => error instanceof SpectralError && /"w"/.test(error.message),
  );
  const wide: NdArray = { dtype: "F64", shape: [1], data: Float64Array.of(1) };
  assert.throws(() => toTensors(new Map([["w", wide]])), /"w".*F64/);
});

test("a state dict is split into parameters and buffers; batch counters are dropped", () => {
  const model = vgg({ depth: 11, width: 1 / 32 });
  const [parameters, buffers] = [model.init(1), model.initBuffers(1)];
  const counter: NdArray = { dtype: "I64", shape: [], data: BigInt64Array.of(5n) };
  const all = new Map([...buffers, ...parameters, ["layers.0.bn.num_batches_tracked", counter] as const]);
  const split = splitStateDict(model, all);
  assert.deepEqual([...split.parameters], [...parameters]);
  assert.deepEqual([...split.buffers], [...buffers]);
});

test("a state dict that does not fit is an error that says how", () => {
  const model = mlp({ inputs: 4, hidden: 3, layers: 2 });
  const good = new Map(model.init(0));
  const fails = (change: (arrays: Map<string, NdArray>) => void, message: RegExp): void => {
    const arrays = new Map(good);
    change(arrays);
    assert.throws(
      () => splitStateDict(model, arrays),
      (e: Error) => e instanceof DataError && message.test(e.message),
    );
  };
  fails((arrays) => arrays.delete("layers.1.bias"), /lacks \[layers\.1\.bias\]/);
  fails((arrays) => arrays.set("extra", good.get("layers.1.bias")!), /also \[extra\]/);
  fails(
    (arrays) => arrays.set("layers.0.bias", float32([4], new Float32Array(4))),
    /layers\.0\.bias.*\[3\].*\[4\]/,
  );
});

test("sinusoidal positions: alternating sines and cosines of falling frequency", () => {
  const table = sinusoidalPositions(3, 6);
  assert.deepEqual(Array.from(table.slice(0, 6)), [0, 1, 0, 1, 0, 1]);
  assert.ok(Math.abs(table[12 + 2] - Math.sin(2 / 10000 ** (2 / 6))) < 1e-6);
  assert.ok(Math.abs(table[12 + 5] - Math.cos(2 / 10000 ** (4 / 6))) < 1e-6);
});
