import assert from "node:assert/strict";
import { test } from "node:test";
import { float32 } from "spectral-lab/core/array";
import { SpectralError } from "spectral-lab/core/errors";
import { flattenedViews, matrixOf, parameterOf } from "spectral-lab/nn/views";

const count = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => i);

test("a convolution is read as outputs x (inputs height width), as it lies", () => {
  const [view] = flattenedViews([{ name: "c", shape: [2, 3, 2, 2] }]);
  assert.deepEqual([view.rows, view.columns], [2, 12]);
  const matrix = matrixOf(view, new Map([["c", float32([2, 3, 2, 2], count(24))]]));
  assert.deepEqual(matrix.data, count(24));
});

test("a transposed convolution is read with outputs as rows, and written back", () => {
  const view = { name: "t", parameter: "t", rows: 3, columns: 8, layout: "transposed-convolution" } as const;
  const shape = [2, 3, 2, 2]; // inputs, outputs, height, width
  const parameter = float32(shape, count(24));
  const matrix = matrixOf(view, new Map([["t", parameter]]));
  for (
    let [input, output, at] = [0, 0, 0];
    at < 24;
    at++, output = Math.floor(at / 4) % 3, input = Math.floor(at / 12)
  ) {
    assert.equal(matrix.data[output * 8 + input * 4 + (at % 4)], at);
  }
  assert.deepEqual(parameterOf(view, matrix, shape), parameter);
});

test("1-D parameters are no matrices", () => {
  assert.deepEqual(flattenedViews([{ name: "bias", shape: [3] }]), []);
});

test("a missing or misshapen parameter is an error that names both", () => {
  const [view] = flattenedViews([{ name: "w", shape: [2, 3] }]);
  const named = (error: Error): boolean => error instanceof SpectralError && /"w".*2 x 3/.test(error.message);
  assert.throws(() => matrixOf(view, new Map()), named);
  assert.throws(() => matrixOf(view, new Map([["w", float32([2, 2], count(4))]])), named);
});
