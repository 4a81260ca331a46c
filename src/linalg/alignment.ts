/**
 * Alignment of neighbouring layers (PAPER.md section 1, Eqns 3 and 4): A_jk = |<u_j, v_k>|, left singular vectors of a layer
 * against right singular vectors of the next.
 */
import { innerProduct, leadingMean, requireSameSize, type VectorSet } from "./vectors.js";

export { leftVectors, rightVectors, type VectorSet } from "./vectors.js";

/**
 * The alignment matrix.
 * @param u left vectors of the earlier layer, vector per row
 * @param v right vectors of the later layer, vector per row; as long as those of `u`
 * @returns A, u.count x v.count, row-major, in [0, 1] for unit vectors
 * @throws SpectralError if the vectors differ in length
 */
export function alignmentMatrix(u: VectorSet, v: VectorSet): Float64Array {
  requireSameSize("alignmentMatrix", u, v);
  const matrix = new Float64Array(u.count * v.count);
  for (let j = 0; j < u.count; j++) {
    for (let k = 0; k < v.count; k++) matrix[j * v.count + k] = Math.abs(innerProduct(u, j, v, k));
  }
  return matrix;
}

/**
 * The diagonal A_ii alone, as far as both sets have vectors.
 * @returns min(u.count, v.count) numbers in [0, 1] for unit vectors
 * @throws SpectralError if the vectors differ in length
 */
export function alignmentDiagonal(u: VectorSet, v: VectorSet): Float64Array {
  requireSameSize("alignmentDiagonal", u, v);
  const count = Math.min(u.count, v.count);
  return Float64Array.from({ length: count }, (_, i) => Math.abs(innerProduct(u, i, v, i)));
}

/** Alignment score: the mean of the first 10 A_ii, or of all where there are fewer; in [0, 1] (Eqn 4). */
export function alignmentScore(diagonal: ArrayLike<number>): number {
  return leadingMean(diagonal);
}
