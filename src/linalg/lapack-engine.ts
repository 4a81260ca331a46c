import { SpectralError } from "../core/errors.js";
import type { Lapack } from "./lapack.js";
import { nonFiniteError } from "./request.js";
import type { CheckedRequest, Matrix, Svd, SvdEngine } from "./svd.js";
import type { tridiagonalSolver } from "./wasm-engine.js";

type TridiagonalSolver = ReturnType<typeof tridiagonalSolver>;

/** Singular values below this part of the largest need the tail step: u = A v / s is not orthonormal there. */
const HEAD = 3e-5;
/** A v no longer than this part of the largest singular value carries no information. */
const NEGLIGIBLE = 1e-13;
/** The smallest squared pivot, of 1, with which Cholesky QR makes vectors orthonormal to float32. */
const GOOD = 1e-4;

/**
 * The WebAssembly kernel's method (src/linalg/wasm/kernel.ts) from the pieces of a LAPACK library: Gram matrix in float64,
 * tridiagonalisation, eigenvalues and the wanted eigenvectors, and u = A v / s. Faster and more accurate than sgesdd.
 * The tridiagonal matrix's eigenvectors come from the kernel itself where it can, which is several times as fast as dstemr.
 * LAPACK reads memory column by column, so a row-major rows x columns array is its columns x rows matrix.
 */
export function lapackEngine(lapack: Lapack, solve: TridiagonalSolver): SvdEngine {
  return {
    description: `LAPACK (${lapack.description})`,
    decompose: (matrix, request) => decompose(lapack, solve, matrix, request),
  };
}

function decompose(lapack: Lapack, solve: TridiagonalSolver, matrix: Matrix, request: CheckedRequest): Svd {
  const { rows, columns } = matrix;
  const tall = rows >= columns;
  const n = Math.min(rows, columns);
  const count = Math.max(request.left, request.right);
  const [shortCount, longCount] = tall ? [request.right, request.left] : [request.left, request.right];
  const a = new Float64Array(matrix.data);

  const reduction = tridiagonalise(lapack, gram(lapack, a, matrix));
  if (!Number.isFinite(reduction.d.reduce((sum, x) => sum + x, 0)))
    throw nonFiniteError(matrix, request.name);
  const { s, z } = eigenpairs(lapack, solve, reduction, count, request.name);
  if (count > 0) backTransform(lapack, reduction, z, count);

  const short = shortCount > 0 ? new Float32Array(z.subarray(0, shortCount * n)) : null; // shortCount x n
  let long: Float32Array | null = null; // row-major as it is asked for
  if (longCount > 0) {
    const safe = s[longCount - 1] > HEAD * s[0];
    long = (safe ? longSide : longSideWithTail)(lapack, a, matrix, s, z, longCount);
  }
  return {
    rows,
    columns,
    s,
    U: tall ? long : short && transpose(short, shortCount, n),
    leftCount: request.left,
    Vt: tall ? short : long,
    rightCount: request.right,
  };
}

/** Lower triangle of the n x n Gram matrix of the short side. */
function gram(lapack: Lapack, a: Float64Array, { rows, columns }: Matrix): Float64Array {
  const tall = rows >= columns;
  const n = Math.min(rows, columns);
  const g = new Float64Array(n * n);
  const [one, zero] = [Float64Array.of(1), Float64Array.of(0)];
  lapack.call("dsyrk", "L", tall ? "N" : "T", n, Math.max(rows, columns), one, a, columns, zero, g, n);
  return g;
}

interface Reduction {
  readonly n: number;
  /** Diagonal and off-diagonal (i to i + 1) of the tridiagonal matrix; `e` has one unused number at its end. */
  readonly d: Float64Array;
  readonly e: Float64Array;
  /** The reflections, where the matrix was, and their factors. */
  readonly reflections: Float64Array;
  readonly tau: Float64Array;
}

function tridiagonalise(lapack: Lapack, g: Float64Array): Reduction {
  const n = Math.sqrt(g.length);
  const [d, e, tau] = [new Float64Array(n), new Float64Array(n), new Float64Array(n)];
  const work = new Float64Array(64 * n);
  lapack.call("dsytrd", "L", n, g, n, d, e, tau, work, work.length, info());
  return { n, d, e, reflections: g, tau };
}

/** All singular values, falling, and at least the leading `count` eigenvectors of the tridiagonal matrix as rows. */
function eigenpairs(
  lapack: Lapack,
  solve: TridiagonalSolver,
  { n, d, e }: Reduction,
  count: number,
  name: string,
): { s: Float64Array; z: Float64Array } {
  const solved = solve(d, e, count); // undefined where large clusters make divide and conquer cheaper
  if (solved !== undefined) return { s: solved.lambda.map((x) => Math.sqrt(Math.max(x, 0))), z: solved.z };
  const z = new Float64Array(n * n);
  const work = new Float64Array(1 + 4 * n + n * n);
  const integers = new Int32Array(3 + 5 * n);
  const failure = info();
  lapack.call("dstedc", "I", n, d, e, z, n, work, work.length, integers, integers.length, failure);
  if (failure[0] !== 0) throw new SpectralError(`svd: "${name}": dstedc failed with info ${failure[0]}`);
  return { s: d.map((x) => Math.sqrt(Math.max(x, 0))).reverse(), z: reverseRows(z, n) };
}

/** z <- Q z for the leading `count` rows. */
function backTransform(
  lapack: Lapack,
  { n, reflections, tau }: Reduction,
  z: Float64Array,
  count: number,
): void {
  const work = new Float64Array(64 * n);
  const size = work.length;
  lapack.call("dormtr", "L", "L", "N", n, count, reflections, n, tau, z, n, work, size, info());
}

/** u_j = A v_j / s_j for j < count; row-major as `Svd` has it (U of a tall matrix, Vt of a wide one). */
function longSide(
  lapack: Lapack,
  a: Float64Array,
  { rows, columns }: Matrix,
  s: Float64Array,
  z: Float64Array,
  count: number,
): Float32Array {
  const n = s.length;
  const scaled = z.slice(0, count * n);
  for (let j = 0; j < count; j++) for (let i = j * n; i < (j + 1) * n; i++) scaled[i] /= s[j];
  const long = new Float64Array(Math.max(rows, columns) * count);
  const [one, zero] = [Float64Array.of(1), Float64Array.of(0)];
  if (rows >= columns) {
    lapack.call("dgemm", "T", "N", count, rows, n, one, scaled, n, a, columns, zero, long, count);
  } else {
    lapack.call("dgemm", "N", "N", columns, count, n, one, a, columns, scaled, n, zero, long, columns);
  }
  return new Float32Array(long);
}

/** As `longSide` where some s_j are too small: the tail of A V is made orthonormal, and the head kept. */
function longSideWithTail(
  lapack: Lapack,
  a: Float64Array,
  { rows, columns }: Matrix,
  s: Float64Array,
  z: Float64Array,
  count: number,
): Float32Array {
  const n = s.length;
  const m = Math.max(rows, columns);
  const w = new Float64Array(m * count); // vector j at j m
  const [one, zero] = [Float64Array.of(1), Float64Array.of(0)];
  lapack.call("dgemm", rows >= columns ? "T" : "N", "N", m, count, n, one, a, columns, z, n, zero, w, m);
  let head = 0;
  for (; head < count && s[head] > HEAD * s[0]; head++) {
    for (let i = head * m; i < (head + 1) * m; i++) w[i] /= s[head];
  }
  if (!choleskyTail(lapack, w, m, head, count, NEGLIGIBLE * s[0])) householderTail(lapack, w, m, count);
  const vectors = new Float32Array(w);
  return rows >= columns ? transpose(vectors, count, m) : vectors;
}

/**
 * Makes vectors head .. count-1 of w orthonormal, also to those before them: projection, then Cholesky QR. False, with w still
 * spanning the same, where they are too dependent for it.
 */
function choleskyTail(
  lapack: Lapack,
  w: Float64Array,
  m: number,
  head: number,
  count: number,
  negligible: number,
): boolean {
  const tail = w.subarray(head * m, count * m);
  const size = count - head;
  for (let j = 0; j < size; j++) {
    const vector = tail.subarray(j * m, (j + 1) * m);
    let squares = 0;
    for (let i = 0; i < m; i++) squares += vector[i] * vector[i];
    const length = Math.sqrt(squares);
    if (!(length > negligible)) return false;
    for (let i = 0; i < m; i++) vector[i] /= length;
  }
  const [one, zero, minus] = [Float64Array.of(1), Float64Array.of(0), Float64Array.of(-1)];
  if (head > 0) {
    const overlap = new Float64Array(head * size);
    lapack.call("dgemm", "T", "N", head, size, m, one, w, m, tail, m, zero, overlap, head);
    lapack.call("dgemm", "N", "N", m, size, head, minus, w, m, overlap, head, one, tail, m);
  }
  const g = new Float64Array(size * size);
  lapack.call("dsyrk", "U", "T", size, m, one, tail, m, zero, g, size);
  const failure = info();
  lapack.call("dpotrf", "U", size, g, size, failure);
  if (failure[0] !== 0) return false;
  for (let j = 0; j < size; j++) if (!(g[j * size + j] ** 2 > GOOD)) return false;
  lapack.call("dtrsm", "R", "U", "N", "N", m, size, one, g, size, tail, m);
  return true;
}

/** Makes all `count` vectors of w orthonormal, by Householder QR: slower, and safe. */
function householderTail(lapack: Lapack, w: Float64Array, m: number, count: number): void {
  const tau = new Float64Array(count);
  const work = new Float64Array(64 * count);
  lapack.call("dgeqrf", m, count, w, m, tau, work, work.length, info());
  const flipped = Uint8Array.from(tau, (_, j) => (w[j * m + j] < 0 ? 1 : 0)); // the sign of R's diagonal
  lapack.call("dorgqr", m, count, count, w, m, tau, work, work.length, info());
  for (let j = 0; j < count; j++) {
    if (flipped[j]) for (let i = j * m; i < (j + 1) * m; i++) w[i] = -w[i];
  }
}

function info(): Int32Array {
  return new Int32Array(1);
}

/** Rows of length n in reverse order. */
function reverseRows(z: Float64Array, n: number): Float64Array {
  const reversed = new Float64Array(z.length);
  for (let i = 0; i < z.length; i += n) reversed.set(z.subarray(i, i + n), z.length - n - i);
  return reversed;
}

/** The columns x rows transpose of a rows x columns matrix, in blocks that stay in the cache. */
function transpose(x: Float32Array, rows: number, columns: number): Float32Array {
  const block = 32;
  const y = new Float32Array(x.length);
  for (let i0 = 0; i0 < rows; i0 += block) {
    for (let j0 = 0; j0 < columns; j0 += block) {
      for (let i = i0; i < Math.min(i0 + block, rows); i++) {
        for (let j = j0; j < Math.min(j0 + block, columns); j++) y[j * rows + i] = x[i * columns + j];
      }
    }
  }
  return y;
}
