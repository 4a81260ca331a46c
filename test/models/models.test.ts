import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { float32 } from "spectral-lab/core/array";
import { ConfigError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { svdSync } from "spectral-lab/linalg/engine";
import { lstm } from "spectral-lab/models/lstm";
import { mlp } from "spectral-lab/models/mlp";
import { modularAddition } from "spectral-lab/models/modular-addition";
import { resnet } from "spectral-lab/models/resnet";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import { pairsOf } from "spectral-lab/nn/contacts";
import type { ContactSide, Model } from "spectral-lab/nn/model";
import { toTensors } from "spectral-lab/nn/parameters";
import { splitStateDict } from "spectral-lab/nn/state-dict";
import { permuteUnits } from "spectral-lab/nn/units";
import { matrixOf } from "spectral-lab/nn/views";
import { adamw } from "spectral-lab/optim/adamw";
import { disposeState, trainStep, type TrainingState } from "spectral-lab/train/step";
import { randomTensor } from "../support/finite-differences.js";
import { rotatedOrder } from "../support/unit-orders.js";
import { evaluateBatch } from "spectral-lab/train/evaluate";

before(async () => {
  await startBackend({ backend: "wasm" });
});

interface Case {
  readonly model: Model<unknown>;
  batch(): unknown;
}

/** Small models with a batch each; `as` because a case's batch belongs to its own model. */
const cases: Readonly<Record<string, Case>> = {
  modularAddition: {
    model: modularAddition({ modulus: 7, width: 16, heads: 2, hidden: 24 }) as Model<unknown>,
    batch: () => ({
      tokens: tf.tensor2d([1, 2, 7, 3, 3, 7, 0, 6, 7], [3, 3], "int32"),
      targets: tf.tensor1d([3, 6, 6], "int32"),
    }),
  },
  mlp: {
    model: mlp({ inputs: 48, hidden: 8, layers: 3, classes: 4 }) as Model<unknown>,
    batch: () => ({ images: randomTensor([5, 4, 4, 3]), labels: tf.tensor1d([0, 1, 2, 3, 0], "int32") }),
  },
  vgg: {
    model: vgg({ depth: 11, width: 1 / 16 }) as Model<unknown>,
    batch: () => ({ images: randomTensor([2, 32, 32, 3]), labels: tf.tensor1d([0, 9], "int32") }),
  },
  resnet: {
    model: resnet({ depth: 18, stem: "cifar", width: 1 / 16, classes: 10 }) as Model<unknown>,
    batch: () => ({ images: randomTensor([4, 16, 16, 3]), labels: tf.tensor1d([0, 9, 3, 4], "int32") }),
  },
  unet: {
    model: unet({ channels: [8, 16, 16, 32], embedding: 16 }) as Model<unknown>,
    batch: () => ({
      images: randomTensor([2, 28, 28, 1]),
      noise: randomTensor([2, 28, 28, 1], 1),
      steps: tf.tensor1d([0, 999], "int32"),
    }),
  },
  lstm: {
    model: lstm({ features: 5, hidden: 6, layers: 2, symbols: 4 }) as Model<unknown>,
    batch: () => ({
      features: randomTensor([8, 2, 5]),
      labels: Int32Array.of(1, 2, 3, 3, 0, 0),
      labelLengths: Int32Array.of(3, 1),
      frames: Int32Array.of(8, 5),
    }),
  },
  transformer: {
    model: transformer({ vocabulary: 11, layers: 2, width: 12, heads: 3, hidden: 8 }) as Model<unknown>,
    batch: () => ({ tokens: tf.tensor2d([1, 2, 3, 4, 10, 9, 8, 7], [2, 4], "int32") }),
  },
};

for (const [name, { model, batch }] of Object.entries(cases)) {
  test(`${name}: starts near chance, learns its batch, and leaves no tensor behind`, async () => {
    const held = batch();
    const optimiser = adamw({ learningRate: 3e-3 });
    const parameters = toTensors(model.init(1));
    let state: TrainingState = {
      parameters,
      buffers: toTensors(model.initBuffers(1)),
      optimiser: optimiser.init(parameters),
    };
    const step = async (at: number): Promise<number> => {
      const next = trainStep(model, optimiser, state, [held], at);
      disposeState(state, next.state);
      state = next.state;
      const [loss] = await next.loss.data();
      next.loss.dispose();
      return loss;
    };
    const first = await step(0);
    const tensors = tf.memory().numTensors;
    let last = first;
    for (let i = 1; i <= 20; i++) last = await step(i);
    assert.ok(last < 0.9 * first, `the loss went from ${first} to ${last}`);
    await evaluateBatch(model, state.parameters, state.buffers, held);
    assert.equal(tf.memory().numTensors, tensors);
    disposeState(state);
  });

  test(`${name}: initial values are a function of the seed; views cover every matrix`, () => {
    const [a, b, c] = [model.init(3), model.init(3), model.init(4)];
    assert.deepEqual(a, b);
    assert.notDeepEqual(a, c);
    const matrices = [...a].filter(([, { shape }]) => shape.length >= 2).map(([parameter]) => parameter);
    assert.deepEqual(
      model.matrices.map(({ parameter }) => parameter),
      matrices,
    );
    for (const { parameter, rows, columns } of model.matrices)
      assert.equal(a.get(parameter)!.data.length, rows * columns);
    for (const output of model.outputLayer) assert.ok(matrices.includes(output));
  });

  test(`${name}: evaluation counts examples, and equals the training loss where there is no batch normalisation`, async () => {
    const held = batch();
    const parameters = toTensors(model.init(2));
    const buffers = toTensors(model.initBuffers(2));
    const metrics = await evaluateBatch(model, parameters, buffers, held);
    for (const { sum, count } of Object.values(metrics)) assert.ok(Number.isFinite(sum) && count > 0);
    if (model.statistics) return;
    const [loss] = await model.loss(parameters, buffers, held).loss.data();
    assert.ok(Math.abs(metrics.loss.sum / metrics.loss.count - loss) < 1e-5 * loss);
  });
}

for (const [name, { model, batch }] of Object.entries(cases).filter(([, { model }]) => model.units)) {
  test(`${name}: permuting any group of units leaves the function and all singular values as they are`, async () => {
    const held = batch();
    const random = randomStream(1, "units");
    const weights = new Map(
      [...model.init(2), ...model.initBuffers(2)].map(([key, { shape, data }]) => [
        key,
        float32(
          shape,
          (data as Float32Array).map((x) => x + 0.1 * random.uniform()),
        ),
      ]),
    );
    const state = splitStateDict(model, weights);
    const lossesOf = async ({ parameters, buffers }: typeof state): Promise<number[]> => {
      const [p, b] = [toTensors(parameters), toTensors(buffers)];
      const [training] = await model.loss(p, b, held).loss.data();
      const { loss } = await evaluateBatch(model, p, b, held);
      return [training, loss.sum / loss.count];
    };
    const losses = await lossesOf(state);
    for (const group of model.units!) {
      const permuted = permuteUnits([group], weights, new Map([[group.name, rotatedOrder(group)]]));
      for (const { parameter } of group.axes) {
        assert.ok(weights.has(parameter), `${group.name}: ${parameter}`);
        assert.notDeepEqual(permuted.get(parameter), weights.get(parameter), parameter);
      }
      const found = await lossesOf(splitStateDict(model, permuted));
      found.forEach((loss, i) =>
        assert.ok(Math.abs(loss - losses[i]) < 2e-5 * losses[i], `${group.name}: ${loss}, ${losses[i]}`),
      );
      if (group.blocks && group.blocks.length > 0) {
        const free = { ...group, blocks: undefined };
        const torn = permuteUnits([free], weights, new Map([[group.name, rotatedOrder(free)]]));
        const [loss] = await lossesOf(splitStateDict(model, torn));
        assert.ok(Math.abs(loss - losses[0]) > 2e-4 * losses[0], `${group.name} torn: ${loss}, ${losses[0]}`);
      }
      for (const view of model.matrices.filter(({ parameter }) =>
        group.axes.some((axis) => axis.parameter === parameter),
      )) {
        const [s, other] = [weights, permuted].map((arrays) => svdSync(matrixOf(view, arrays)).s);
        s.forEach((value, i) =>
          assert.ok(Math.abs(value - other[i]) < 1e-5 * s[0], `${group.name}: ${view.name}`),
        );
      }
    }
  });
}

const paperSized: readonly Model<never>[] = [
  modularAddition({ modulus: 113 }),
  mlp({ inputs: 3072 }),
  vgg(),
  vgg({ depth: 19 }),
  resnet(),
  resnet({ depth: 50 }),
  unet(),
  lstm(),
  transformer({ vocabulary: 50257 }),
] as Model<never>[];

for (const model of [...paperSized, ...Object.values(cases).map((c) => c.model)]) {
  test(`${model.name}: every contact joins spaces of one dimension, inside matrices that exist`, () => {
    const names = new Set<string>();
    for (const contact of model.contacts) {
      assert.ok(!names.has(contact.name), `${contact.name} twice`);
      names.add(contact.name);
      for (const { from, to } of pairsOf(contact)) {
        assert.equal(dimensionOf(model, from), dimensionOf(model, to), contact.name);
      }
    }
  });
}

for (const { model } of Object.values(cases)) {
  test(`${model.name}: the shapes that it declares are those it draws`, () => {
    const drawn = [...model.init(3)].map(([name, { shape }]) => [name, [...shape]]);
    assert.deepEqual(
      [...model.shapes].map(([name, shape]) => [name, [...shape]]),
      drawn,
    );
  });
}

function dimensionOf(model: Model<never>, { matrix, space, rows, columns, take }: ContactSide): number {
  const view = model.matrices.find(({ name }) => name === matrix);
  assert.ok(view, `no matrix ${matrix}`);
  const [r0, r1] = rows ?? [0, view.rows];
  const [c0, c1] = columns ?? [0, view.columns];
  assert.ok(r0 >= 0 && r1 <= view.rows && c0 >= 0 && c1 <= view.columns);
  const length = space === "output" ? r1 - r0 : c1 - c0;
  if (!take) return length;
  assert.ok(take.start + take.stride * (take.count - 1) < length);
  return take.count;
}

test("sizes that do not fit are configuration errors that name the size", () => {
  const fails = (make: () => unknown, message: RegExp): void =>
    assert.throws(make, (error: Error) => error instanceof ConfigError && message.test(error.message));
  fails(() => modularAddition({ modulus: 0 }), /modulus/);
  fails(() => modularAddition({ modulus: 5, width: 10, heads: 4 }), /width \(10\).*heads \(4\)/);
  fails(() => transformer({ vocabulary: 10, layers: 1.5 }), /layers/);
  fails(() => vgg({ depth: 12 as 11 }), /depth.*12/);
  fails(() => vgg({ width: 1 / 1000 }), /Width/);
  fails(() => resnet({ depth: 20 as 18 }), /depth must be one of 18, 34, 50, 101, 152, found 20/);
  fails(() => resnet({ stem: "mnist" as "cifar" }), /stem must be "imagenet" or "cifar", found "mnist"/);
  fails(() => resnet({ width: 1 / 1000 }), /Width/);
  fails(() => unet({ channels: [6, 32, 32, 32] }), /c1 \(6\)/);
  fails(() => unet({ channels: [32, 48, 64, 64] }), /channels \(48\)/);
  fails(() => unet({ embedding: 15 }), /embedding/);
  fails(() => lstm({ hidden: -1 }), /hidden/);
  fails(() => mlp({ inputs: 3, layers: 0 }), /layers/);
});
