import { SpectrumError } from "../core/errors.js";
import type { CheckedRequest, Matrix, SvdOptions } from "./svd.js";

/**
 * Checks shape and options; more vectors than R are R.
 * @throws SpectrumError if the matrix is empty or its data do not fill its shape, or a count is not an integer >= 0
 */
export function checkedRequest(matrix: Matrix, options: SvdOptions): CheckedRequest {
  const { data, rows, columns } = matrix;
  const name = options.name ?? "matrix";
  const isSize = (size: number) => Number.isInteger(size) && size > 0;
  if (!isSize(rows) || !isSize(columns)) {
    throw new SpectrumError(
      `svd: "${name}" must have at least one row and one column, found ${rows} x ${columns}`,
    );
  }
  if (!(data instanceof Float32Array) || data.length !== rows * columns) {
    const found =
      data instanceof Float32Array ? `${data.length} numbers` : Object.prototype.toString.call(data);
    throw new SpectrumError(
      `svd: "${name}" must be a Float32Array of ${rows} x ${columns} = ${rows * columns} numbers, found ${found}`,
    );
  }
  const rank = Math.min(rows, columns);
  const count = (side: "left" | "right"): number => {
    const wanted = options[side] ?? "none";
    if (wanted === "none") return 0;
    if (wanted === "all") return rank;
    if (!Number.isInteger(wanted) || wanted < 0) {
      throw new SpectrumError(
        `svd: "${name}": ${side} must be "none", "all" or an integer >= 0, found ${wanted}`,
      );
    }
    return Math.min(wanted, rank);
  };
  return { name, left: count("left"), right: count("right") };
}

/** The error for a matrix that holds a NaN or an infinity. */
export function nonFiniteError(matrix: Matrix, name: string): SpectrumError {
  const index = matrix.data.findIndex((x) => !Number.isFinite(x));
  const row = Math.floor(index / matrix.columns);
  return new SpectrumError(
    `svd: "${name}" holds ${matrix.data[index]} at index ${index} (row ${row}, column ${index % matrix.columns} of ` +
      `${matrix.rows} x ${matrix.columns})`,
  );
}
