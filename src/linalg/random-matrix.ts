import { SpectralError } from "../core/errors.js";
import type { Random } from "../core/random.js";
import type { Matrix } from "./svd.js";

/**
 * A matrix of independent normal entries with mean 0 and variance 1 / columns: noise, as at an initialisation. Its
 * singular values follow the Marchenko-Pastur law (1967), between |1 - sqrt(rows / columns)| and 1 + sqrt(rows / columns).
 */
export function gaussianMatrix(random: Random, rows: number, columns: number): Matrix {
  const std = 1 / Math.sqrt(columns);
  return { data: Float32Array.from({ length: rows * columns }, () => random.normal(0, std)), rows, columns };
}

/**
 * A matrix plus strong random directions: `matrix` + sum of strength_i u_i v_i^T with random unit vectors u_i, v_i (nearly
 * orthogonal where the matrix is large). A strength well above 1 + sqrt(rows / columns) stands out of noise.
 * @throws SpectralError if there are more directions than min(rows, columns)
 */
export function withSpikes(random: Random, matrix: Matrix, strengths: readonly number[]): Matrix {
  const { rows, columns } = matrix;
  if (strengths.length > Math.min(rows, columns)) {
    throw new SpectralError(
      `withSpikes: expected at most ${Math.min(rows, columns)} directions in a ${rows} x ${columns} matrix, found ${strengths.length}`,
    );
  }
  const data = matrix.data.slice();
  for (const strength of strengths) {
    const u = unitVector(random, rows);
    const v = unitVector(random, columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) data[i * columns + j] += strength * u[i] * v[j];
    }
  }
  return { data, rows, columns };
}

function unitVector(random: Random, size: number): Float64Array {
  const vector = Float64Array.from({ length: size }, () => random.normal());
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}
