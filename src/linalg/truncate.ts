import { SpectralError } from "../core/errors.js";
import type { Matrix, Svd } from "./svd.js";

/** Which singular triplets stay: the first ceil(R/2), or all but those. */
export type Half = "top" | "bottom";

/** Number of singular triplets in the top half of a rows x columns matrix: ceil(R/2), R = min(rows, columns). */
export function topHalf(rows: number, columns: number): number {
  return Math.ceil(Math.min(rows, columns) / 2);
}

/**
 * The matrix with only the top or the bottom half of its singular triplets (PAPER.md section 1). It needs only vectors of the
 * short side: the top is W V_k V_k^T (or U_k U_k^T W for a wide matrix), and the bottom is the rest of W.
 * @param svd decomposition with at least the leading `topHalf` vectors of the short side: right ones of a tall or square
 *   matrix, left ones of a wide one; the other side's serve a square matrix too
 * @returns rows x columns numbers, row-major; `matrix` is not modified
 * @throws SpectralError if the shapes differ or vectors are missing
 */
export function truncate(matrix: Matrix, svd: Svd, half: Half): Float32Array {
  const { data, rows, columns } = matrix;
  const k = topHalf(rows, columns);
  if (svd.rows !== rows || svd.columns !== columns) {
    throw new SpectralError(
      `truncate: expected the decomposition of a ${rows} x ${columns} matrix, found ${svd.rows} x ${svd.columns}`,
    );
  }
  let top: Float32Array;
  if (rows >= columns && svd.Vt !== null && svd.rightCount >= k) top = projectRows(matrix, svd.Vt, k);
  else if (rows <= columns && svd.U !== null && svd.leftCount >= k)
    top = projectColumns(matrix, svd.U, svd.leftCount, k);
  else {
    const side = rows >= columns ? "right" : "left";
    throw new SpectralError(
      `truncate: expected ${k} ${side} singular vectors of a ${rows} x ${columns} matrix`,
    );
  }
  return half === "top" ? top : data.map((x, i) => x - top[i]);
}

/** W V V^T for the first k rows of Vt, row by row of W. */
function projectRows({ data, rows, columns }: Matrix, vt: Float32Array, k: number): Float32Array {
  const result = new Float32Array(data.length);
  const sum = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    const row = data.subarray(i * columns, (i + 1) * columns);
    sum.fill(0);
    for (let j = 0; j < k; j++) {
      const v = vt.subarray(j * columns, (j + 1) * columns);
      let coefficient = 0;
      for (let c = 0; c < columns; c++) coefficient += row[c] * v[c];
      for (let c = 0; c < columns; c++) sum[c] += coefficient * v[c];
    }
    result.set(sum, i * columns);
  }
  return result;
}

/** U U^T W for the first k columns of U (rows x count), in strips of columns of W that stay in the cache. */
function projectColumns(
  { data, rows, columns }: Matrix,
  u: Float32Array,
  count: number,
  k: number,
): Float32Array {
  const strip = 256;
  const result = new Float32Array(data.length);
  const coefficients = new Float64Array(k * strip);
  const sum = new Float64Array(strip);
  for (let c0 = 0; c0 < columns; c0 += strip) {
    const width = Math.min(strip, columns - c0);
    coefficients.fill(0);
    for (let i = 0; i < rows; i++) {
      const row = data.subarray(i * columns + c0, i * columns + c0 + width);
      for (let j = 0; j < k; j++) {
        const uij = u[i * count + j];
        const target = coefficients.subarray(j * strip, j * strip + width);
        for (let c = 0; c < width; c++) target[c] += uij * row[c];
      }
    }
    for (let i = 0; i < rows; i++) {
      sum.fill(0);
      for (let j = 0; j < k; j++) {
        const uij = u[i * count + j];
        const source = coefficients.subarray(j * strip, j * strip + width);
        for (let c = 0; c < width; c++) sum[c] += uij * source[c];
      }
      result.set(sum.subarray(0, width), i * columns + c0);
    }
  }
  return result;
}
