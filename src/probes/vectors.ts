import { float32, type NdArray } from "../core/array.js";
import type { When } from "../core/time.js";
import { resolved, type SingularPairs } from "../linalg/agreement.js";
import type { MatrixView, Model } from "../nn/model.js";
import type { Measurement, Probe } from "../train/measure.js";

/**
 * Keeps the leading singular vectors of every matrix, so that agreement along training needs no weights: the arrays
 * `left/<matrix>` [rows, K] and `right/<matrix>` [columns, K], K = min(count, rows, columns), a pair per column. Pairs
 * that are only rounding (see `resolved`) are NaN. One row, with `vectors`: the count that was asked for.
 */
export function vectorsProbe(when: When, count: number): Probe {
  return {
    name: "vectors",
    when,
    vectors: count,
    bytes: (model) => bytesOfVectors(model, count),
    needs: ({ matrices }) => matrices.map(({ name }) => ({ matrix: name, left: count, right: count })),
    async measure(snapshot): Promise<Measurement> {
      const arrays = new Map<string, NdArray>();
      for (const { name } of snapshot.model.matrices) {
        const pairs = resolved(await snapshot.svd({ matrix: name }));
        const kept = asColumns(pairs, Math.min(count, pairs.rows, pairs.columns));
        const [left, right] = vectorNames(name);
        arrays.set(left, kept.left).set(right, kept.right);
      }
      return { rows: [{ vectors: count }], arrays };
    },
  };
}

/** The names under which a matrix's vectors are kept. */
export function vectorNames(matrix: string): [left: string, right: string] {
  return [`left/${matrix}`, `right/${matrix}`];
}

/**
 * The inverse of what the probe keeps: the pairs of two arrays [rows, K] and [columns, K], the first `count` of them.
 */
export function pairsOf(left: NdArray, right: NdArray, count = Infinity): SingularPairs {
  const [rows, kept] = left.shape;
  const [columns] = right.shape;
  const k = Math.min(count, kept);
  const U = new Float32Array(rows * k);
  const Vt = new Float32Array(k * columns);
  for (let i = 0; i < k; i++) {
    for (let r = 0; r < rows; r++) U[r * k + i] = Number(left.data[r * kept + i]);
    for (let c = 0; c < columns; c++) Vt[i * columns + c] = Number(right.data[c * kept + i]);
  }
  return { rows, columns, U, leftCount: k, Vt, rightCount: k };
}

/** Bytes of float32 that the vectors of one measured step take. */
export function bytesOfVectors({ matrices }: Pick<Model<never>, "matrices">, count: number): number {
  const ofMatrix = ({ rows, columns }: MatrixView): number =>
    4 * Math.min(count, rows, columns) * (rows + columns);
  return matrices.reduce((sum, view) => sum + ofMatrix(view), 0);
}

/** The first `count` pairs, a pair per column. */
function asColumns(pairs: SingularPairs, count: number): { left: NdArray; right: NdArray } {
  const { rows, columns, U, leftCount, Vt } = pairs;
  const left = new Float32Array(rows * count);
  const right = new Float32Array(columns * count);
  for (let i = 0; i < count; i++) {
    for (let r = 0; r < rows; r++) left[r * count + i] = U![r * leftCount + i];
    for (let c = 0; c < columns; c++) right[c * count + i] = Vt![i * columns + c];
  }
  return { left: float32([rows, count], left), right: float32([columns, count], right) };
}
