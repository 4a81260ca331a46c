import assert from "node:assert/strict";
import { test } from "node:test";
import { updateAt } from "spectral-lab/optim/optimiser";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import type { Parameters } from "spectral-lab/nn/model";
import { adamw } from "spectral-lab/optim/adamw";
import { heldNorms } from "spectral-lab/optim/held-norms";
import { sgd } from "spectral-lab/optim/sgd";
import { numbers } from "../train/toy.js";

const norm = (values: ArrayLike<number>): number => Math.hypot(...Array.from(values));
const held = (size: number): ReadonlyMap<string, number> => new Map([["w", size]]);

for (const backend of ["js", "wasm"]) {
  test(`after every update a parameter has its norm and the inner optimiser's direction and memory: ${backend}`, async () => {
    await startBackend({ backend });
    const rate = (step: number): number => 0.3 / (step + 1);
    for (const inner of [
      sgd({ learningRate: rate, momentum: 0.9, weightDecay: 0.2 }),
      adamw({ learningRate: rate, weightDecay: 0.5 }),
    ]) {
      const optimiser = heldNorms(["w"], (step) => held(step + 0.5), inner);
      let parameters: Parameters = new Map([
        ["w", tf.tensor(numbers(35, "w"), [5, 7])],
        ["b", tf.tensor1d([1, 2])],
      ]);
      let state = optimiser.init(parameters);
      for (let step = 0; step < 4; step++) {
        const gradients = new Map([
          ["w", tf.tensor(numbers(35, `g${step}`), [5, 7])],
          ["b", tf.tensor1d([0.5, -1])],
        ]);
        const free = updateAt(inner, gradients, state, parameters, step);
        const next = updateAt(optimiser, gradients, state, parameters, step);
        const [w, own] = [next, free].map((of) => of.parameters.get("w")!.dataSync());
        assert.ok(Math.abs(norm(w) / (step + 1.5) - 1) < 1e-6, `${norm(w)} after ${step + 1} updates`);
        const factor = (step + 1.5) / norm(own);
        w.forEach((value, i) => assert.ok(Math.abs(value - factor * own[i]) < 1e-5));
        assert.deepEqual(next.parameters.get("b")!.dataSync(), free.parameters.get("b")!.dataSync());
        assert.equal(next.state.count, free.state.count);
        next.state.slots.forEach((slot, name) =>
          assert.deepEqual(slot.dataSync(), free.state.slots.get(name)!.dataSync()),
        );
        ({ parameters, state } = next);
      }
    }
  });
}

test("norms of any size are met: no square underflows or overflows, zeros stay, and 0 is met too", async () => {
  await startBackend({ backend: "wasm" });
  const still = sgd({ learningRate: 0 });
  const after = (values: Float32Array, size: number): ArrayLike<number> => {
    const parameters = new Map([["w", tf.tensor(values, [2, values.length / 2])]]);
    const gradients = new Map([["w", tf.zerosLike(parameters.get("w")!)]]);
    const optimiser = heldNorms(["w"], () => held(size), still);
    return updateAt(optimiser, gradients, optimiser.init(parameters), parameters, 0)
      .parameters.get("w")!
      .dataSync();
  };
  const values = numbers(200_000, "many");
  for (const scale of [1e-30, 1e-10, 1, 1e25]) {
    const found = after(
      values.map((x) => x * scale),
      7,
    ) as Float32Array;
    const squares = found.reduce((sum, x) => sum + x * x, 0);
    assert.ok(Math.abs(Math.sqrt(squares) / 7 - 1) < 1e-6, `${scale}: ${Math.sqrt(squares)}`);
  }
  assert.deepEqual([...Array.from(after(new Float32Array(4), 3))], [0, 0, 0, 0]);
  assert.deepEqual([...Array.from(after(Float32Array.of(1, 2, 3, 4), 0))], [0, 0, 0, 0]);
});

test("an update leaves what it was given, and nothing behind but what it returns", async () => {
  await startBackend({ backend: "wasm" });
  const tensors: [string, tf.Tensor][] = [
    ["w", tf.tensor2d([[1, 2]])],
    ["b", tf.tensor1d([1])],
  ];
  const parameters: Parameters = new Map(tensors);
  const gradients = new Map([...parameters].map(([name, tensor]) => [name, tensor.clone()]));
  const optimiser = heldNorms(["w"], () => held(2), adamw({ learningRate: 0.1 }));
  const state = optimiser.init(parameters);
  const before = tf.memory().numTensors;
  const updated = updateAt(optimiser, gradients, state, parameters, 0);
  const returned = [...updated.parameters.values(), ...updated.state.slots.values()];
  assert.equal(tf.memory().numTensors - before, returned.length);
  returned.forEach((tensor) => tensor.dispose());
  assert.equal(tf.memory().numTensors, before);
});
