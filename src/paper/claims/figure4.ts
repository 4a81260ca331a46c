import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { firstRows, lastRows, mean, type Origin, rowsOf, verdictOf, written, type Claim } from "../claim.js";

interface MetricsRow extends Origin {
  readonly variant: string;
  readonly value: number;
}

const thresholds = { close: 0.2, far: 0.5 } as const;

/**
 * "Keeping the top half stays close to the full model, keeping the bottom half does not": how far the pruned losses lie
 * above the full one at the end, as a share of what training gained (first minus lowest loss of the full model).
 * Agrees where the top half loses at most 0.2 of the gain and the bottom half at least 0.5; disagrees where the top half
 * does no better than the bottom half.
 */
export function topHalfSuffices(metrics: ColumnTable, where: Facets, split: "train" | "validation"): Claim {
  const rows = rowsOf<MetricsRow>(metrics, { ...where, split, metric: "loss" });
  const variant = (name: string): MetricsRow[] => rows.filter((row) => row.variant === name);
  const average = (part: readonly MetricsRow[]): number => mean(part.map((row) => row.value));
  const full = variant("full");
  const lowest = Math.min(...full.map((row) => row.value));
  const gain = average(firstRows(full)) - lowest;
  const end = average(lastRows(full));
  const lost = (name: string): number => (gain > 0 ? (average(lastRows(variant(name))) - end) / gain : NaN);
  const [top, bottom] = [lost("top"), lost("bottom")];
  return {
    figure: 4,
    statement: `The top half of the singular values keeps the ${split === "train" ? "training" : split} loss, the bottom half does not (${facetsText(where)})`,
    numbers: { fullLoss: end, topLost: top, bottomLost: bottom },
    verdict: verdictOf(top <= thresholds.close && bottom >= thresholds.far, top >= bottom),
    detail:
      `full loss ${written(end)}; the top half loses ${written(100 * top)} % of what training gained, the bottom half ` +
      `${written(100 * bottom)} % (agrees up to ${100 * thresholds.close} % and from ${100 * thresholds.far} %)`,
  };
}
