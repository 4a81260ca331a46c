import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import {
  firstRows,
  groupBy,
  lastRows,
  mean,
  type Origin,
  rowsOf,
  verdictOf,
  written,
  type Claim,
} from "../claim.js";

interface RanksRow extends Origin {
  readonly matrix: string;
  readonly effectiveRank: number;
}

const thresholds = { agrees: 0.9, disagrees: 0.5 } as const;

/**
 * "Effective rank falls for nearly every matrix": from the first to the last moment, means over seeds. Agrees where it
 * fell in at least 90 % of the matrices, disagrees where in less than half.
 */
export function rankFalls(ranks: ColumnTable, where: Facets): Claim {
  const matrices = [...groupBy(rowsOf<RanksRow>(ranks, where), "matrix").values()];
  const average = (rows: readonly RanksRow[]): number => mean(rows.map((row) => row.effectiveRank));
  const changes = matrices.map((rows) => average(lastRows(rows)) - average(firstRows(rows)));
  const fell = changes.filter((change) => change < 0).length;
  const share = fell / matrices.length;
  const change = mean(changes);
  return {
    figure: 3,
    statement: `Effective rank falls for nearly every matrix (${facetsText(where)})`,
    numbers: { fell, matrices: matrices.length, meanChange: change },
    verdict: verdictOf(share >= thresholds.agrees, share < thresholds.disagrees),
    detail:
      `effective rank fell in ${fell} of ${matrices.length} matrices, by ${written(-change)} on average ` +
      `(agrees from ${thresholds.agrees * 100} %, disagrees below ${thresholds.disagrees * 100} %)`,
  };
}
