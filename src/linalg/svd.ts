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

/** What an engine is asked for, checked: `name` for errors, and how many vectors of each side, at most R. */
export interface CheckedRequest {
  readonly name: string;
  readonly left: number;
  readonly right: number;
}

/** Something that decomposes one matrix at a time on the thread it lives on. */
export interface SvdEngine {
  /** For people: "WebAssembly (relaxed SIMD)". */
  readonly description: string;
  /** @throws SpectrumError if the matrix holds a NaN or an infinity */
  decompose(matrix: Matrix, request: CheckedRequest): Svd;
}
