/**
 * Singular vector agreement of one parameter at two times, or in two models (PAPER.md section 1, Eqn 5):
 * S_jk = |<u_j v_j^T, u'_k v'_k^T>| = |<u_j, u'_k> <v_j, v'_k>|.
 */
import { SpectralError } from "../core/errors.js";
import type { Svd } from "./svd.js";
import { innerProduct, leadingMean, leftVectors, rightVectors, type VectorSet } from "./vectors.js";

/** Leading pairs of singular vectors: of a decomposition, or kept of one. */
export type SingularPairs = Omit<Svd, "s">;

/** The same, vector by vector. */
interface Pairs {
  readonly count: number;
  readonly left: VectorSet;
  readonly right: VectorSet;
}

/** How many leading singular values are more than rounding: above 1e-6 s_1. Of a zero matrix there are none. */
export function resolvedPairs(s: ArrayLike<number>): number {
  let count = 0;
  while (count < s.length && s[count] > 1e-6 * s[0]) count++;
  return count;
}

/**
 * A decomposition whose vectors are NaN where their singular values are only rounding (see `resolvedPairs`), as those of
 * matrices of low rank or decayed to nothing: they are arbitrary, and so is what they agree with.
 */
export function resolved(svd: Svd): SingularPairs {
  const { s, U, Vt, leftCount, columns } = svd;
  const count = resolvedPairs(s);
  if (count >= Math.max(leftCount, svd.rightCount)) return svd;
  return {
    ...svd,
    U: U && U.map((x, at) => (at % leftCount < count ? x : NaN)),
    Vt: Vt && Vt.map((x, at) => (at < count * columns ? x : NaN)),
  };
}

/**
 * The agreement matrix of the leading pairs.
 * @param a, b decompositions of matrices of one shape, with left and right vectors
 * @param count pairs of each to compare; default: as many as both have
 * @returns S, count x count, row-major, in [0, 1]; row j belongs to pair j of `a`
 * @throws SpectralError if the shapes differ or vectors are missing
 */
export function agreementMatrix(a: SingularPairs, b: SingularPairs, count = Infinity): Float64Array {
  const [first, second, size] = comparable("agreementMatrix", a, b, count);
  const matrix = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    for (let k = 0; k < size; k++) matrix[j * size + k] = agreement(first, j, second, k);
  }
  return matrix;
}

/**
 * The diagonal S_ii alone.
 * @param a, b decompositions of matrices of one shape, with left and right vectors
 * @param count pairs of each to compare; default: as many as both have
 * @returns count numbers in [0, 1]
 * @throws SpectralError if the shapes differ or vectors are missing
 */
export function agreementDiagonal(a: SingularPairs, b: SingularPairs, count = Infinity): Float64Array {
  const [first, second, size] = comparable("agreementDiagonal", a, b, count);
  return Float64Array.from({ length: size }, (_, i) => agreement(first, i, second, i));
}

/** Agreement score: the mean of the first 10 S_ii, or of all where there are fewer; in [0, 1], NaN if one of them is. */
export function agreementScore(diagonal: ArrayLike<number>): number {
  return leadingMean(diagonal);
}

function agreement(a: Pairs, j: number, b: Pairs, k: number): number {
  return Math.abs(innerProduct(a.left, j, b.left, k) * innerProduct(a.right, j, b.right, k));
}

function comparable(
  place: string,
  a: SingularPairs,
  b: SingularPairs,
  count: number,
): [Pairs, Pairs, number] {
  if (a.rows !== b.rows || a.columns !== b.columns) {
    const found = `${a.rows} x ${a.columns} and ${b.rows} x ${b.columns}`;
    throw new SpectralError(`${place}: expected two matrices of one shape, found ${found}`);
  }
  const [first, second] = [a, b].map((svd): Pairs => {
    const count = Math.min(svd.leftCount, svd.rightCount);
    return { count, left: leftVectors(svd), right: rightVectors(svd) };
  });
  return [first, second, Math.min(first.count, second.count, count)];
}
