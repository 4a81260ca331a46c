import assert from "node:assert/strict";
import { test } from "node:test";
import { float32, type NamedArrays, type NdArray } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { lstm } from "spectral-lab/models/lstm";
import { mlp } from "spectral-lab/models/mlp";
import { modularAddition } from "spectral-lab/models/modular-addition";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import type { Model } from "spectral-lab/nn/model";
import { type Permutations, permuteUnits } from "spectral-lab/nn/units";
import { weightMatching } from "spectral-lab/nn/weight-matching";
import { randomOrder } from "../support/unit-orders.js";

const models = [
  mlp({ inputs: 12, hidden: 10, layers: 4, classes: 3 }),
  vgg({ depth: 11, width: 1 / 16 }),
  transformer({ vocabulary: 11, layers: 2, width: 12, heads: 3, hidden: 16 }),
  modularAddition({ modulus: 7, width: 16, heads: 2, hidden: 24 }),
  lstm({ features: 5, hidden: 6, layers: 2, symbols: 4 }),
  unet({ channels: [64, 32, 64, 96], embedding: 16 }),
] as Model<never>[];

const random = randomStream(3, "matching");

/** Weights without structure, moved by `noise` from those of the seed. */
function weightsOf(model: Model<never>, seed: number, noise = 0): Map<string, NdArray> {
  const arrays = [...model.init(seed), ...model.initBuffers(seed)];
  return new Map(
    arrays.map(([name, { shape, data }]) => {
      const moved = Float32Array.from(data as Float32Array, (x) => x + noise * random.normal());
      return [name, float32(shape, moved)];
    }),
  );
}

function inner(model: Model<never>, a: NamedArrays, b: NamedArrays): number {
  let sum = 0;
  for (const name of model.init(0).keys()) {
    const [x, y] = [a, b].map((arrays) => arrays.get(name)!.data as Float32Array);
    x.forEach((value, i) => (sum += value * y[i]));
  }
  return sum;
}

for (const model of models) {
  test(`${model.name}: an order that was planted is undone, also under noise`, () => {
    const a = weightsOf(model, 1, 0.1);
    const planted: Permutations = new Map(
      model.units!.map((group) => [group.name, randomOrder(group, random)]),
    );
    for (const noise of [0, 0.02]) {
      const moved = new Map([...a].map(([name, { shape, data }]) => [name, float32(shape, (data as Float32Array).map((x) => x + noise * random.normal()))])); // prettier-ignore
      const b = permuteUnits(model.units!, moved, planted);
      const found = weightMatching(model, a, b);
      for (const { name } of model.units!) {
        const inverse = new Int32Array(planted.get(name)!.length);
        planted.get(name)!.forEach((unit, i) => (inverse[unit] = i));
        assert.deepEqual(found.permutations.get(name), inverse, name);
      }
      assert.deepEqual(permuteUnits(model.units!, b, found.permutations), moved);
      assert.ok(Math.abs(found.atIdentity - inner(model, a, b)) < 1e-6);
      assert.ok(Math.abs(found.objective - inner(model, a, moved)) < 1e-6);
      assert.ok(found.objective > found.atIdentity && found.sweeps >= 2);
    }
  });

  test(`${model.name}: independent networks: the objective is that of the permuted weights, and rises`, () => {
    const [a, b] = [weightsOf(model, 1, 0.1), weightsOf(model, 2, 0.1)];
    const before = structuredClone([a, b]);
    const { permutations, atIdentity, objective } = weightMatching(model, a, b);
    assert.deepEqual([a, b], before);
    assert.ok(Math.abs(objective - inner(model, a, permuteUnits(model.units!, b, permutations))) < 1e-6);
    assert.ok(objective > atIdentity);
    // An optimum: no two units of a group changed about raise it.
    const present = permuteUnits(model.units!, b, permutations);
    for (const group of model.units!.slice(0, 3)) {
      for (let i = 1; i < Math.min(group.size, 6); i++) {
        if (group.blocks && i >= group.blocks.at(-1)!) break; // of two blocks
        const swap = Int32Array.from({ length: group.size }, (_, k) => (k === 0 ? i : k === i ? 0 : k));
        const swapped = permuteUnits([group], present, new Map([[group.name, swap]]));
        const quadratic = model.name === "lstm"; // there the assignment is of the linear part only
        assert.ok(quadratic || inner(model, a, swapped) <= objective + 1e-6, `${group.name} ${i}`);
      }
    }
  });
}

test("what cannot be matched is one clear error", () => {
  const network = { ...unet({ channels: [4, 8, 8, 8], embedding: 8 }), units: undefined } as Model<never>;
  assert.throws(() => weightMatching(network, network.init(0), network.init(1)), {
    name: "ConfigError",
    message: /unet: expected a model with groups of interchangeable units \(Model\.units\), found none/,
  });
  const wider = mlp({ inputs: 12, hidden: 11, layers: 4, classes: 3 });
  assert.throws(() => weightMatching(models[0], models[0].init(0), wider.init(0)), {
    name: "DataError",
    message: /mlp: expected two networks of one shape, found "layers\.0\.weight" \[10,12\] and \[11,12\]/,
  });
  assert.throws(() => weightMatching(models[0], models[0].init(0), new Map()), { message: /and none/ });
});
