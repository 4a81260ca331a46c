import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { type Line, openLine } from "spectral-lab/analysis/line";
import { startBackend } from "spectral-lab/backend/start";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { svdSync } from "spectral-lab/linalg/engine";
import { unet } from "spectral-lab/models/unet";
import { disposeParameters, toArrays } from "spectral-lab/nn/parameters";
import type { StateDict } from "spectral-lab/nn/state-dict";
import { hiddenMatrices, matrixOf } from "spectral-lab/nn/views";
import type { Decomposer } from "spectral-lab/train/measure";

before(() => startBackend({ backend: "wasm" }));

// Matrices of every form, transposed convolutions among them, and a buffer that differs between two networks.
const model = unet({ channels: [8, 8, 12, 12], embedding: 8 });
const [a, b] = [1, 2].map((seed): StateDict => ({
  parameters: shaken(model.init(seed), seed),
  buffers: model.initBuffers(seed),
}));
const engine: Decomposer = { svd: async (matrix, options) => svdSync(matrix, options) };
const hidden = new Set(hiddenMatrices(model).map(({ parameter }) => parameter));

function shaken(weights: NamedArrays, seed: number): NamedArrays {
  const random = randomStream(seed, "line test");
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      return [
        name,
        float32(
          shape,
          Float32Array.from(data as Float32Array, (x) => x + 0.1 * random.normal()),
        ),
      ];
    }),
  );
}

async function stateAt(line: Line, alpha: number): Promise<StateDict> {
  const { parameters, buffers } = line.at(alpha);
  const state = { parameters: await toArrays(parameters), buffers: await toArrays(buffers) };
  [parameters, buffers].forEach(disposeParameters);
  return state;
}

/** The sum of some triplets of a matrix, in float64. */
function tripletsOf(name: string, weights: NamedArrays, half: "top" | "bottom"): Float64Array {
  const matrix = matrixOf(
    model.matrices.find(({ parameter }) => parameter === name)!,
    weights,
  );
  const { rows, columns } = matrix;
  const { s, U, Vt } = svdSync(matrix, { left: "all", right: "all" });
  const middle = Math.ceil(s.length / 2);
  const sum = new Float64Array(rows * columns);
  for (let k = half === "top" ? 0 : middle; k < (half === "top" ? middle : s.length); k++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++)
        sum[i * columns + j] += U![i * s.length + k] * s[k] * Vt![k * columns + j];
    }
  }
  return sum;
}

test("a line begins and ends at its ends bit for bit, buffers too, and moves everything in between", async () => {
  const tensors = tf.memory().numTensors;
  const line = await openLine(model, [a, b], { components: "all", rest: "moves" }, engine);
  assert.deepEqual(await stateAt(line, 0), a);
  assert.deepEqual(await stateAt(line, 1), b);
  const middle = await stateAt(line, 0.5);
  for (const part of ["parameters", "buffers"] as const) {
    for (const [name, { data }] of middle[part]) {
      const [x, y] = [a[part].get(name)!.data, b[part].get(name)!.data];
      const wrong = Array.from(data, Number).findIndex(
        (z, i) => Math.abs(z - (Number(x[i]) + Number(y[i])) / 2) > 1e-6,
      );
      assert.equal(wrong, -1, name);
    }
  }
  assert.notDeepEqual(middle.buffers, a.buffers, "fixed frequencies of an embedding move too");
  line.dispose();
  assert.equal(tf.memory().numTensors, tensors);
});

for (const components of ["top", "bottom"] as const) {
  for (const rest of ["moves", "fixed"] as const) {
    test(`only the ${components} half moves, the rest ${rest}`, async () => {
      const tensors = tf.memory().numTensors;
      const line = await openLine(model, [a, b], { components, rest }, engine);
      assert.deepEqual(await stateAt(line, 0), a);
      const { parameters, buffers } = await stateAt(line, 0.3);
      assert.equal(
        tf.memory().numTensors - tensors,
        2 * a.parameters.size +
          2 * a.buffers.size -
          (rest === "fixed" ? a.parameters.size - hidden.size + a.buffers.size : 0),
      );
      const still = components === "top" ? "bottom" : "top";
      for (const view of hiddenMatrices(model)) {
        const found = matrixOf(view, parameters).data;
        const [from, to, kept] = [
          tripletsOf(view.parameter, a.parameters, components),
          tripletsOf(view.parameter, b.parameters, components),
          tripletsOf(view.parameter, a.parameters, still),
        ];
        const wrong = found.findIndex((z, i) => Math.abs(z - (0.7 * from[i] + 0.3 * to[i] + kept[i])) > 1e-5);
        assert.equal(wrong, -1, view.name);
      }
      const others = [...a.parameters.keys()].filter((name) => !hidden.has(name));
      assert.ok(others.length > 10);
      for (const name of others) {
        const same =
          rest === "fixed" || `${a.parameters.get(name)!.data}` === `${b.parameters.get(name)!.data}`;
        assert.equal(`${parameters.get(name)!.data}` === `${a.parameters.get(name)!.data}`, same, name);
      }
      assert[rest === "fixed" ? "deepEqual" : "notDeepEqual"](buffers, a.buffers);
      line.dispose();
      assert.equal(tf.memory().numTensors, tensors);
    });
  }
}

test("a decomposition that fails leaves no tensor", async () => {
  const tensors = tf.memory().numTensors;
  const failing: Decomposer = { svd: () => Promise.reject(new Error("no engine")) };
  const opening = openLine(model, [a, b], { components: "top", rest: "moves" }, failing);
  await assert.rejects(opening, /no engine/);
  assert.equal(tf.memory().numTensors, tensors);
});
