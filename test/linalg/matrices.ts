/** Matrices with the spectra that weights have, and a slow, independent decomposition to compare with. */
import { randomStream, type Random } from "spectral-lab/core/random";
import type { Matrix, Svd } from "spectral-lab/linalg/svd";

/**
 * `init`: uniform, as layers start. `trained`: a bulk of noise below a power law of large singular values. `decayed`:
 * singular values falling to 7e-10 of the largest, as after strong weight decay.
 */
export type Kind = "init" | "trained" | "decayed";

export function simulatedWeights(rows: number, columns: number, kind: Kind, seed = 7): Matrix {
  const random = randomStream(seed, `weights/${kind}/${rows}x${columns}`);
  if (kind === "init") return filled(rows, columns, () => random.uniform(-1, 1) / Math.sqrt(columns));
  const rank = Math.min(rows, columns);
  if (kind === "decayed") {
    const s = Float64Array.from(
      { length: rank },
      (_, i) => 1.7 * Math.exp(-21 * Math.sqrt(i / Math.max(1, rank - 1))),
    );
    return withSpectrum(rows, columns, s, random);
  }
  const spikes = Math.min(rank, Math.max(4, Math.floor(rank / 8)));
  const noise = 0.02 * (Math.sqrt(rows) + Math.sqrt(columns));
  const s = Float64Array.from({ length: spikes }, (_, i) => 4 * noise * (1 + i) ** -0.7);
  const { data } = withSpectrum(rows, columns, s, random);
  return { data: data.map((x) => x + 0.02 * random.normal()), rows, columns };
}

export function filled(rows: number, columns: number, value: (i: number) => number): Matrix {
  return { data: Float32Array.from({ length: rows * columns }, (_, i) => value(i)), rows, columns };
}

/**
 * A dense matrix with the given singular values (others 0): diag(s) under rounds of random plane rotations of its rows and
 * of its columns, rounded to float32 at the end.
 */
export function withSpectrum(rows: number, columns: number, s: ArrayLike<number>, random: Random): Matrix {
  const x = new Float64Array(rows * columns);
  for (let i = 0; i < s.length; i++) x[i * columns + i] = s[i];
  mix(x, rows, columns, columns, 1, random);
  mix(x, columns, rows, 1, columns, random);
  return { data: Float32Array.from(x), rows, columns };
}

/** Rotates random pairs of `count` lines of `length` numbers, in 2 log2(count) rounds, so that all of them mix. */
function mix(
  x: Float64Array,
  count: number,
  length: number,
  line: number,
  step: number,
  random: Random,
): void {
  for (let round = 2 * Math.ceil(Math.log2(count)); round > 0; round--) {
    const order = random.permutation(count);
    for (let p = 0; p + 1 < count; p += 2) {
      const angle = random.uniform(0, 2 * Math.PI);
      const [c, t] = [Math.cos(angle), Math.sin(angle)];
      const [a, b] = [order[p] * line, order[p + 1] * line];
      for (let k = 0; k < length; k++) {
        const [y, z] = [x[a + k * step], x[b + k * step]];
        x[a + k * step] = c * y - t * z;
        x[b + k * step] = t * y + c * z;
      }
    }
  }
}

/** A singular triplet (s, u, v): `left` is s u (rows numbers) and `right` is v (columns numbers), or u and s v. */
export interface Triplet {
  readonly s: number;
  readonly left: Float64Array;
  readonly right: Float64Array;
}

/** Singular values in float64, falling (see `jacobiTriplets`). */
export function jacobiSingularValues(matrix: Matrix): Float64Array {
  return Float64Array.from(jacobiTriplets(matrix), ({ s }) => s);
}

/**
 * All min(rows, columns) singular triplets in float64 by one-sided Jacobi (Hestenes, 1958), s falling: slow, and s good
 * to 1e-15 of the largest. The matrix is the sum of left right^T.
 */
export function jacobiTriplets({ data, rows, columns }: Matrix): Triplet[] {
  const tall = rows >= columns;
  const [m, n] = tall ? [rows, columns] : [columns, rows];
  const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0) || 1;
  const vectors = Array.from({ length: n }, (_, j) =>
    Float64Array.from({ length: m }, (_, i) => data[tall ? i * columns + j : j * columns + i] / largest),
  );
  // The rotations of the columns, collected: column j of the rotated matrix is A times turned_j.
  const turned = Array.from({ length: n }, (_, j) => {
    return Float64Array.from({ length: n }, (_, i) => (i === j ? 1 : 0));
  });
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let p = 0; p < n - 1; p++) {
      for (let q = p + 1; q < n; q++) {
        const [x, y] = [vectors[p], vectors[q]];
        const [alpha, beta, gamma] = [dot(x, x), dot(y, y), dot(x, y)];
        if (Math.abs(gamma) <= 1e-16 * Math.sqrt(alpha * beta) || Math.abs(gamma) < 1e-34) continue;
        rotated = true;
        const zeta = (beta - alpha) / (2 * gamma);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        rotatePair(x, y, c, t);
        rotatePair(turned[p], turned[q], c, t);
      }
    }
  }
  return vectors
    .map((x, j) => {
      const [long, short] = [x.map((value) => largest * value), turned[j]];
      const s = Math.sqrt(dot(long, long));
      return tall ? { s, left: long, right: short } : { s, left: short, right: long };
    })
    .sort((a, b) => b.s - a.s);
}

/** (x, y) <- c (x - t y, y + t x) */
function rotatePair(x: Float64Array, y: Float64Array, c: number, t: number): void {
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i], y[i]];
    x[i] = c * (a - t * b);
    y[i] = c * (b + t * a);
  }
}

/** How far a decomposition is from one: 0 is exact. */
export interface Defects {
  /** max |<u_i, u_j> - delta_ij|, and the same of v. */
  readonly left: number;
  readonly right: number;
  /** max_j |A v_j - s_j u_j| / s_1, or where one side is missing |A^T A v_j - s_j^2 v_j| / s_1^2. */
  readonly residual: number;
}

export function defectsOf(matrix: Matrix, svd: Svd): Defects {
  const u = columnsOf(svd);
  const v = Array.from({ length: svd.rightCount }, (_, j) =>
    Float64Array.from(svd.Vt!.subarray(j * svd.columns, (j + 1) * svd.columns)),
  );
  const scale = svd.s[0] > 0 ? svd.s[0] : 1;
  let residual = 0;
  const compare = (x: Float64Array, y: Float64Array, factor: number) => {
    for (let i = 0; i < x.length; i++)
      residual = Math.max(residual, Math.abs(x[i] / scale - (factor / scale) * y[i]));
  };
  for (let j = 0; j < Math.max(u.length, v.length); j++) {
    const s = svd.s[j];
    if (j < u.length && j < v.length) compare(times(matrix, v[j]), u[j], s);
    else if (j < v.length)
      compare(
        timesTransposed(
          matrix,
          times(matrix, v[j]).map((x) => x / scale),
        ),
        v[j],
        s * (s / scale),
      );
    else
      compare(
        times(
          matrix,
          timesTransposed(matrix, u[j]).map((x) => x / scale),
        ),
        u[j],
        s * (s / scale),
      );
  }
  return { left: nonOrthonormality(u), right: nonOrthonormality(v), residual };
}

function columnsOf({ U, rows, leftCount }: Svd): Float64Array[] {
  return Array.from({ length: leftCount }, (_, j) =>
    Float64Array.from({ length: rows }, (_, i) => U![i * leftCount + j]),
  );
}

function nonOrthonormality(vectors: readonly Float64Array[]): number {
  let most = 0;
  for (let i = 0; i < vectors.length; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? -1 : 0;
      for (let k = 0; k < vectors[i].length; k++) sum += vectors[i][k] * vectors[j][k];
      most = Math.max(most, Number.isNaN(sum) ? Infinity : Math.abs(sum));
    }
  }
  return most;
}

/** A x */
export function times({ data, rows, columns }: Matrix, x: ArrayLike<number>): Float64Array {
  const y = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) sum += data[i * columns + j] * x[j];
    y[i] = sum;
  }
  return y;
}

/** A^T x */
function timesTransposed({ data, rows, columns }: Matrix, x: ArrayLike<number>): Float64Array {
  const y = new Float64Array(columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) y[j] += data[i * columns + j] * x[i];
  return y;
}

/** max |a_i - b_i| */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = a.length === b.length ? 0 : Infinity;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}
