import { openEngine } from "./engine.js";
import { svdRequest } from "./request.js";

/** Which singular vectors to compute: none, all min(rows, columns), or the leading k. */
export type Vectors = "none" | "all" | number;

/** A matrix to decompose. */
export interface Matrix {
  /** rows x columns numbers, row-major. */
  readonly data: Float32Array;
  readonly rows: number;
  readonly columns: number;
}

/** What to compute of one matrix. */
export interface SvdOptions {
  /** Left singular vectors (columns of U). Default "none". */
  readonly left?: Vectors;
  /** Right singular vectors (rows of Vt). Default "none". */
  readonly right?: Vectors;
  /** Named in errors: the parameter and, if known, the step. */
  readonly name?: string;
  /** Cancels a request that has not been computed yet; the promise then rejects with an AbortError. */
  readonly signal?: AbortSignal;
}

/**
 * A thin singular value decomposition A = U diag(s) Vt of a rows x columns matrix, R = min(rows, columns).
 * The signs of a pair (column of U, row of Vt) are arbitrary, but belong together.
 */
export interface Svd {
  readonly rows: number;
  readonly columns: number;
  /** All R singular values, falling; within 1e-7 s_1 of the exact ones. */
  readonly s: Float64Array;
  /** rows x leftCount, row-major, columns orthonormal to 1e-6; null if not asked for. */
  readonly U: Float32Array | null;
  readonly leftCount: number;
  /** rightCount x columns, row-major, rows orthonormal to 1e-6; null if not asked for. */
  readonly Vt: Float32Array | null;
  readonly rightCount: number;
}

/**
 * Singular values and vectors of one matrix, computed on the calling thread; for anything large or repeated use `SvdPool`.
 * @param engine what computes it; `openEngine()` once for many matrices
 * @throws SpectrumError if the matrix has no decomposition: empty, wrong length, NaN or infinite
 */
export function svdSync(
  matrix: Matrix,
  options: SvdOptions = {},
  engine = openEngine({ engine: "wasm" }),
): Svd {
  options.signal?.throwIfAborted();
  return engine.decompose(matrix, svdRequest(matrix, options));
}
