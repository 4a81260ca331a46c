import { SpectralError } from "../core/errors.js";
import type { Svd } from "./svd.js";

/** Vectors of one length, one per row. */
export interface VectorSet {
  /** Number of vectors. */
  readonly count: number;
  /** Entries of each. */
  readonly size: number;
  /** count x size, row-major. */
  readonly data: ArrayLike<number>;
}

/** The left singular vectors u_1, u_2, ... of a decomposition. @throws SpectralError if it has none */
export function leftVectors({ U, rows, leftCount }: Pick<Svd, "U" | "rows" | "leftCount">): VectorSet {
  if (U === null) throw new SpectralError("leftVectors: the decomposition was made without left vectors");
  const data = new Float32Array(U.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < leftCount; j++) data[j * rows + i] = U[i * leftCount + j];
  return { count: leftCount, size: rows, data };
}

/** The right singular vectors v_1, v_2, ... of a decomposition. @throws SpectralError if it has none */
export function rightVectors({
  Vt,
  columns,
  rightCount,
}: Pick<Svd, "Vt" | "columns" | "rightCount">): VectorSet {
  if (Vt === null) throw new SpectralError("rightVectors: the decomposition was made without right vectors");
  return { count: rightCount, size: columns, data: Vt };
}

/** Inner product of vector `i` of `a` and vector `j` of `b`. */
export function innerProduct(a: VectorSet, i: number, b: VectorSet, j: number): number {
  const [ai, bj] = [i * a.size, j * b.size];
  let sum = 0;
  for (let k = 0; k < a.size; k++) sum += a.data[ai + k] * b.data[bj + k];
  return sum;
}

/** @throws SpectralError if the vectors of the two sets differ in length */
export function requireSameSize(place: string, a: VectorSet, b: VectorSet): void {
  if (a.size !== b.size) {
    throw new SpectralError(
      `${place}: expected vectors of one length, found ${a.size} and ${b.size} entries`,
    );
  }
}

/**
 * Mean of the first 10 numbers of a diagonal, or of all where there are fewer: the alignment score (Eqn 4) and the
 * agreement score. @throws SpectralError if there are none
 */
export function leadingMean(diagonal: ArrayLike<number>): number {
  const count = Math.min(diagonal.length, 10);
  if (count === 0) throw new SpectralError("score: expected at least one number, found none");
  let sum = 0;
  for (let i = 0; i < count; i++) sum += diagonal[i];
  return sum / count;
}
