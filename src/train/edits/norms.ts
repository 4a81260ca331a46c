import type { NamedArrays } from "../../core/array.js";
import type { Matrix } from "../../linalg/svd.js";
import type { MatrixView } from "../../nn/model.js";
import { matrixOf, parameterOf } from "../../nn/views.js";

/** The Frobenius norm. */
export function normOf(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

/** Weights in which some matrices are replaced, in the order of those before; the others are passed through. */
export function withMatrices(
  weights: NamedArrays,
  views: readonly MatrixView[],
  change: (matrix: Matrix, view: MatrixView) => Float32Array,
): NamedArrays {
  const changed = new Map(weights);
  for (const view of views) {
    const matrix = matrixOf(view, weights);
    const { shape } = weights.get(view.parameter)!;
    changed.set(view.parameter, parameterOf(view, { ...matrix, data: change(matrix, view) }, shape));
  }
  return changed;
}
