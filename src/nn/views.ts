import type { NamedArrays, NdArray } from "../core/array.js";
import { float32 } from "../core/array.js";
import { SpectralError } from "../core/errors.js";
import type { Matrix } from "../linalg/svd.js";
import type { MatrixView, Model } from "./model.js";

/** Reads a parameter as the matrix of a view. Shares memory with the parameter where the layout is "flatten". */
export function matrixOf(view: MatrixView, parameters: NamedArrays): Matrix {
  const array = parameters.get(view.parameter);
  const { rows, columns } = view;
  if (!array || array.dtype !== "F32" || array.data.length !== rows * columns) {
    const found = array ? `${array.dtype} of shape [${array.shape}]` : "no such parameter";
    throw new SpectralError(
      `matrix "${view.name}": expected ${rows} x ${columns} float32 in "${view.parameter}", found ${found}`,
    );
  }
  const data = array.data as Float32Array;
  return { rows, columns, data: view.layout === "flatten" ? data : swapOuterAxes(data, array.shape) };
}

/** The inverse of `matrixOf`: a matrix as the parameter of shape `shape` that the view reads. */
export function parameterOf(view: MatrixView, matrix: Matrix, shape: readonly number[]): NdArray {
  if (view.layout === "flatten") return float32(shape, matrix.data);
  const [inputs, outputs, ...kernel] = shape;
  return float32(shape, swapOuterAxes(matrix.data, [outputs, inputs, ...kernel]));
}

/** (a, b, h, w) -> (b, a, h, w). */
function swapOuterAxes(data: Float32Array, [a, b, ...inner]: readonly number[]): Float32Array {
  const size = inner.reduce((product, n) => product * n, 1);
  const swapped = new Float32Array(data.length);
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      swapped.set(data.subarray((i * b + j) * size, (i * b + j + 1) * size), (j * a + i) * size);
    }
  }
  return swapped;
}

/** All matrices but the last layer's: those that pruning, masks and perturbations change. */
export function hiddenMatrices({
  matrices,
  outputLayer,
}: Pick<Model<never>, "matrices" | "outputLayer">): MatrixView[] {
  return matrices.filter(({ name }) => !outputLayer.includes(name));
}

/** The views of all matrices and higher arrays of `shapes` that lie as outputs x (everything else), under their own names. */
export function flattenedViews(
  parameters: readonly { name: string; shape: readonly number[] }[],
): MatrixView[] {
  return parameters
    .filter(({ shape }) => shape.length >= 2)
    .map(({ name, shape: [rows, ...rest] }) => {
      const columns = rest.reduce((product, n) => product * n, 1);
      return { name, parameter: name, rows, columns, layout: "flatten" };
    });
}
