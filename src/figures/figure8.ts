import { drawDynamics, type DynamicsOptions, type DynamicsTables } from "./dynamics.js";
import type { Figure } from "./plotly.js";

/**
 * Figure 8, true against random labels: a row for each; columns are training error, validation error, singular values
 * of layer 2, effective rank (matrix x time), and the alignment diagonal of layers 2 and 3 (rank x time).
 * @throws DataError if neither has data for all five panels
 */
export function figure8(tables: DynamicsTables, options: DynamicsOptions = {}): Figure {
  return drawDynamics("Figure 8", tables, options, true);
}
