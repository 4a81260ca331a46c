import { drawDynamics, type DynamicsOptions, type DynamicsTables } from "./dynamics.js";
import type { Figure } from "./plotly.js";

/**
 * Figure 2, grokking and spectral dynamics: a row per setting of modular addition; columns are training and validation
 * error, singular values of the attention in-projection, effective rank (matrix x time), and the alignment diagonal
 * embedding -> in-projection (rank x time). Settings without data are left out and named below the figure.
 * @throws DataError if no setting has data for all four panels
 */
export function figure2(tables: DynamicsTables, options: DynamicsOptions = {}): Figure {
  return drawDynamics("Figure 2", tables, options, false);
}
