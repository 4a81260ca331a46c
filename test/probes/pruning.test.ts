import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import type { NamedArrays, NdArray } from "spectral-lab/core/array";
import { float32 } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { at } from "spectral-lab/core/time";
import { svdSync } from "spectral-lab/linalg/engine";
import { lstm } from "spectral-lab/models/lstm";
import { mlp } from "spectral-lab/models/mlp";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import type { Model } from "spectral-lab/nn/model";
import { disposeParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";
import { flattenedViews, matrixOf } from "spectral-lab/nn/views";
import type { Half } from "spectral-lab/nn/halves";
import { prunedParameters, pruningProbe } from "spectral-lab/probes/pruning";
import { mergeRequests, svdKey } from "spectral-lab/train/measure";
import { distance, jacobiTriplets } from "../linalg/matrices.js";

before(() => startBackend({ backend: "wasm" }));

/** Weights of every model, the parameter of its last layer, and which are transposed convolutions (in, out, h, w). */
const shapes = [
  [7, 7],
  [12, 5],
  [5, 12],
  [1, 6],
  [6, 1],
].map(([rows, columns]) => ({ name: `${rows} x ${columns}`, shape: [rows, columns] }));
const cases: Readonly<
  Record<string, { model: Model<never>; last?: string; transposed?: readonly string[] }>
> = {
  mlp: { model: mlp({ inputs: 48, hidden: 9, layers: 3, classes: 4 }), last: "layers.2.weight" },
  vgg: { model: vgg({ depth: 11, width: 1 / 16 }), last: "fc.weight" },
  lstm: { model: lstm({ features: 5, hidden: 6, layers: 2, symbols: 4 }), last: "linear.weight" },
  unet: {
    model: unet({ channels: [8, 16, 24, 32], embedding: 12 }),
    last: "tconv1.weight",
    transposed: ["tconv4.weight", "tconv3.weight", "tconv2.weight"],
  },
  transformer: {
    model: transformer({ vocabulary: 11, layers: 2, width: 12, heads: 3, hidden: 8 }),
    last: "decoder.weight",
  },
  "matrices of every form": {
    model: {
      name: "forms",
      init: () =>
        new Map(
          shapes.map(({ name, shape }) => [name, float32(shape, new Float32Array(shape[0] * shape[1]))]),
        ),
      initBuffers: () => new Map(),
      matrices: flattenedViews(shapes),
      outputLayer: [],
    } as unknown as Model<never>,
  },
};

/** The parameters of a model with normal numbers added, so that no bias is 0 and no norm's weight is 1. */
function weightsOf(model: Model<never>): NamedArrays {
  const random = randomStream(3, "pruning test");
  return new Map(
    [...model.init(1)].map(([name, { shape, data }]) => [
      name,
      float32(
        shape,
        Float32Array.from(data as Float32Array, (x) => x + random.normal(0, 0.1)),
      ),
    ]),
  );
}

/** What the product makes of the weights, with the singular vectors that the probe says it needs. */
async function pruned(model: Model<never>, weights: NamedArrays, half: Half): Promise<NamedArrays> {
  const parameters = toTensors(weights);
  const requests = mergeRequests(pruningProbe(at("0")).needs!(model as never));
  const matrix = async (name: string) =>
    matrixOf(
      model.matrices.find((view) => view.name === name)!,
      weights,
    );
  const tensors = tf.memory().numTensors;
  const result = await prunedParameters(
    {
      model,
      parameters,
      matrix,
      svd: async (asked) => svdSync(await matrix(asked.matrix), requests.get(svdKey(asked))),
    },
    half,
  );
  assert.equal(tf.memory().numTensors - tensors, weights.size, "one handle a parameter, and no other");
  const arrays = await toArrays(result);
  [result, parameters].forEach(disposeParameters);
  return arrays;
}

/** Where element (row, column) of the matrix lies in a parameter: outputs x everything else, whatever the layout. */
function placesOf({ shape }: NdArray, transposed: boolean): { rows: number; columns: number; at: number[] } {
  if (!transposed) {
    const size = shape.reduce((a, b) => a * b, 1);
    return { rows: shape[0], columns: size / shape[0], at: Array.from({ length: size }, (_, i) => i) };
  }
  const [inputs, outputs, height, width] = shape;
  const places: number[] = [];
  for (let output = 0; output < outputs; output++)
    for (let input = 0; input < inputs; input++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) places.push(((input * outputs + output) * height + y) * width + x);
  return { rows: outputs, columns: inputs * height * width, at: places };
}

/** The truncated matrix as the sum of its singular triplets from an own decomposition in float64; and its largest s. */
function truncation(
  array: NdArray,
  transposed: boolean,
  half: Half,
): { data: Float64Array; largest: number } {
  const { rows, columns, at } = placesOf(array, transposed);
  const matrix = { rows, columns, data: Float32Array.from(at, (place) => Number(array.data[place])) };
  const triplets = jacobiTriplets(matrix);
  const cut = Math.floor((triplets.length + 1) / 2);
  const data = new Float64Array(array.data.length);
  for (const { left, right } of half === "top" ? triplets.slice(0, cut) : triplets.slice(cut))
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        data[at[row * columns + column]] += left[row] * right[column];
  return { data, largest: triplets[0].s };
}

for (const [name, { model, last, transposed = [] }] of Object.entries(cases)) {
  test(`${name}: every matrix but the last layer's keeps one half of its singular triplets`, async () => {
    const weights = weightsOf(model);
    const matrices = [...weights].filter(([, { shape }]) => shape.length >= 2).map(([key]) => key);
    if (last) assert.ok(matrices.includes(last), last);
    for (const half of ["top", "bottom"] as const) {
      const found = await pruned(model, weights, half);
      assert.deepEqual([...found.keys()], [...weights.keys()]);
      for (const [key, array] of weights) {
        const { shape, data } = found.get(key)!;
        assert.deepEqual(shape, array.shape, key);
        if (key === last || !matrices.includes(key)) {
          assert.deepEqual(data, array.data, `${key} is as it was`);
          continue;
        }
        const expected = truncation(array, transposed.includes(key), half);
        const error = distance(data as Float32Array, expected.data);
        assert.ok(error < 5e-7 * expected.largest, `${key}, ${half}: ${error / expected.largest} of s_1 off`);
      }
    }
  });
}
