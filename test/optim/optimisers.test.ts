import assert from "node:assert/strict";
import { before, test } from "node:test";
import { updateAt } from "spectral-lab/optim/optimiser";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import type { Parameters } from "spectral-lab/nn/model";
import { adamw } from "spectral-lab/optim/adamw";
import { clipByGlobalNorm, globalNorm } from "spectral-lab/optim/clip";
import { applyMasks, masked } from "spectral-lab/optim/masked";
import type { Optimiser, OptimiserState } from "spectral-lab/optim/optimiser";
import { sgd } from "spectral-lab/optim/sgd";

before(async () => {
  await startBackend({ backend: "js" });
});

const vector = (...values: number[]): Parameters => new Map([["w", tf.tensor1d(values)]]);

/** The parameter after each of the updates with the given gradients. */
async function run(optimiser: Optimiser, start: number[], gradients: number[][]): Promise<number[][]> {
  let parameters = vector(...start);
  let state = optimiser.init(parameters);
  const path: number[][] = [];
  for (const [step, gradient] of gradients.entries()) {
    ({ parameters, state } = updateAt(optimiser, vector(...gradient), state, parameters, step));
    path.push(Array.from(await parameters.get("w")!.data()));
  }
  assert.equal(state.count, gradients.length);
  return path;
}

function assertClose(found: number[][], expected: number[][]): void {
  found.forEach((row, i) =>
    row.forEach((x, j) => assert.ok(Math.abs(x - expected[i][j]) < 1e-5, `${found} is not ${expected}`)),
  );
}

test("AdamW follows its equations, with a rate that changes", async () => {
  const [beta1, beta2, epsilon, weightDecay] = [0.8, 0.95, 1e-3, 0.5];
  const rate = (step: number): number => 0.1 / (step + 1);
  const gradients = [[1], [-0.5], [2]];
  const expected: number[][] = [];
  for (let [p, m, v, t] = [0.7, 0, 0, 1]; t <= 3; t++) {
    const g = gradients[t - 1][0];
    m = beta1 * m + (1 - beta1) * g;
    v = beta2 * v + (1 - beta2) * g * g;
    p -= rate(t - 1) * weightDecay * p;
    p -= (rate(t - 1) * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + epsilon);
    expected.push([p]);
  }
  const optimiser = adamw({ learningRate: rate, beta1, beta2, epsilon, weightDecay });
  assertClose(await run(optimiser, [0.7], gradients), expected);
});

test("schedules go by the run's step, bias correction by the optimiser's own count", async () => {
  const rate = (step: number): number => 0.1 * (step + 1);
  for (const optimiser of [adamw({ learningRate: rate }), sgd({ learningRate: rate, momentum: 0.9 })]) {
    const parameters = vector(1);
    const first = updateAt(optimiser, vector(1), optimiser.init(parameters), parameters, 6);
    const [change] = tf.sub(parameters.get("w")!, first.parameters.get("w")!).dataSync();
    assert.ok(Math.abs(change - 0.7) < 1e-5, `${change}`); // AdamW with a count of 7 would give 0.355
    assert.equal(first.state.count, 1);
    const wrapped = clipByGlobalNorm(10, masked(new Map(), optimiser));
    const same = updateAt(wrapped, vector(1), wrapped.init(parameters), parameters, 6);
    assert.deepEqual(same.parameters.get("w")!.dataSync(), first.parameters.get("w")!.dataSync());
  }
});

test("masked weights are exactly 0 whatever momentum and decay an optimiser brings along", () => {
  const masks: Parameters = new Map([["w", tf.tensor1d([1, 0])]]);
  for (const inner of [
    sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.1 }),
    adamw({ learningRate: 0.1, weightDecay: 0.1 }),
  ]) {
    const optimiser = masked(masks, inner);
    let parameters = vector(1, 0);
    const slots = new Map(
      [...inner.init(parameters).slots.keys()].map((name) => [name, tf.tensor1d([2, 3])]),
    );
    let state: OptimiserState = { count: 5, slots };
    for (let step = 5; step < 9; step++) {
      ({ parameters, state } = updateAt(optimiser, vector(0.5, -7), state, parameters, step));
      const [free, held] = parameters.get("w")!.dataSync();
      assert.ok(held === 0 && free !== 0 && free !== 1);
    }
  }
});

test("AdamW's first step is the learning rate against the gradient's sign, whatever its size", async () => {
  assertClose(await run(adamw({ learningRate: 0.01 }), [0, 0, 0], [[1e-4, -3, 500]]), [[-0.01, 0.01, -0.01]]);
});

test("SGD with momentum and coupled decay follows PyTorch's equations", async () => {
  const [learningRate, momentum, weightDecay] = [0.1, 0.9, 0.01];
  const gradients = [[1], [1], [-2]];
  const expected: number[][] = [];
  let [p, v] = [2, 0];
  for (const [g] of gradients) {
    v = momentum * v + g + weightDecay * p;
    p -= learningRate * v;
    expected.push([p]);
  }
  assertClose(await run(sgd({ learningRate, momentum, weightDecay }), [2], gradients), expected);
});

test("clipping scales all gradients by one factor, and leaves small ones alone", async () => {
  const descend = sgd({ learningRate: 1 });
  assertClose(await run(clipByGlobalNorm(1, descend), [0, 0], [[3, -4]]), [[-0.6, 0.8]]);
  assertClose(await run(clipByGlobalNorm(10, descend), [0, 0], [[3, -4]]), [[-3, 4]]);
  const both = new Map([...vector(3), ["b", tf.tensor2d([[4, 12]])] as const]);
  assert.ok(Math.abs((await globalNorm(both).data())[0] - 13) < 1e-5);
});

test("masked weights stay at 0 and their gradients out of the moments; the others train as without a mask", async () => {
  const masks: Parameters = new Map([["w", tf.tensor1d([1, 0])]]);
  const inner = adamw({ learningRate: 0.1, weightDecay: 0.1 });
  const gradients = [
    [1, 5],
    [2, -3],
  ];
  const held = applyMasks(vector(0.5, 0.7), masks);
  const start = Array.from(await held.get("w")!.data());
  assert.equal(start[1], 0);
  const path = await run(masked(masks, inner), start, gradients);
  const free = await run(inner, [0.5], [[1], [2]]);
  assertClose(path, [
    [free[0][0], 0],
    [free[1][0], 0],
  ]);
  const optimiser = masked(masks, inner);
  const { state } = updateAt(optimiser, vector(1, 5), optimiser.init(held), held, 0);
  assert.equal((await state.slots.get("m/w")!.data())[1], 0);
});

test("a parameter without a mask is free", async () => {
  assertClose(await run(masked(new Map(), sgd({ learningRate: 1 })), [1], [[1]]), [[0]]);
});

test("an update leaves what it was given, and nothing behind but what it returns", () => {
  const masks: Parameters = new Map([["w", tf.tensor1d([1, 0])]]);
  for (const make of [() => adamw({ learningRate: 0.1, weightDecay: 1 }), () => sgd({ learningRate: 0.1 })]) {
    const optimiser = masked(masks, clipByGlobalNorm(1, make()));
    const [parameters, gradients] = [vector(1, 2), vector(3, 4)];
    const state = optimiser.init(parameters);
    const before = tf.memory().numTensors;
    const updated = updateAt(optimiser, gradients, state, parameters, 0);
    assert.equal(tf.memory().numTensors - before, 1 + state.slots.size);
    assert.deepEqual([...updated.state.slots.keys()], [...state.slots.keys()]);
    for (const tensor of [...parameters.values(), ...gradients.values(), ...state.slots.values()]) {
      assert.ok(!tensor.isDisposed);
    }
  }
});

test("a gradient that is missing is an error that names the parameter", () => {
  const optimiser = sgd({ learningRate: 1 });
  const parameters = vector(1);
  assert.throws(() => updateAt(optimiser, new Map(), optimiser.init(parameters), parameters, 0), /"w"/);
});

test("optimisers say what they are and compute with, also inside others", () => {
  const rate = (step: number): number => step;
  const inner = adamw({ learningRate: rate, beta2: 0.95, weightDecay: 0.1 });
  assert.deepEqual(masked(new Map(), clipByGlobalNorm(2, inner)).settings, {
    name: "AdamW",
    learningRate: rate,
    constants: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 2 },
  });
  const { name, constants } = sgd({ learningRate: 1, momentum: 0.9 }).settings;
  assert.deepEqual([name, constants], ["SGD", { momentum: 0.9, weightDecay: 0 }]);
});
