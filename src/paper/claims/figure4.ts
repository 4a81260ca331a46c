import { smallest } from "../../core/extent.js";
import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { bySeed, overSeeds, percent, verdictOf, type Claim, type RunRow } from "../claim.js";
import { margin, mean } from "../statistics.js";

/** Shares of what training gained. */
const rule = { close: 0.2, far: 0.5 } as const;

interface LossRow extends RunRow {
  readonly variant: string | null;
  readonly value: number;
}

/** What one seed's network loses without a half, as shares of what training gained. */
interface Lost {
  readonly full: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * "Keeping the top half stays close to the full model, keeping the bottom half does not": how far the pruned losses lie
 * above the full one at the last pruning, as a share of what training gained (first minus lowest loss of the full model).
 * If it did not matter which half is kept, both would lose alike.
 * @param metrics columns split, variant ("full", "top", "bottom"), metric, value
 */
export function topHalfSuffices(metrics: ColumnTable, facets: Facets, split: "train" | "validation"): Claim {
  const of = { ...facets, split, metric: "loss" };
  const rows = bySeed<LossRow>(metrics, of, ["variant", "value"], ["variant"]);
  const lost = [...rows.values()].map(lostOf);
  const [tops, bottoms] = [lost.map(({ top }) => top), lost.map(({ bottom }) => bottom)];
  const differences = lost.map(({ top, bottom }) => bottom - top);
  const [top, bottom, difference] = [mean(tops), mean(bottoms), mean(differences)];
  const off = differences.length > 1 ? margin(differences) : 0;
  return {
    figure: 4,
    statement:
      `The top half of the singular values keeps the ${split === "train" ? "training" : split} loss, the bottom half ` +
      `does not (${facetsText(facets)})`,
    null: "it does not matter which half is kept: both lose alike",
    effect:
      `of what training gained, the top half loses ${overSeeds(tops, percent)}, the bottom half ` +
      `${percent(bottom)}, ${overSeeds(differences, percent)} more`,
    threshold:
      `agrees if the top half loses at most ${percent(rule.close)}, the bottom half at least ${percent(rule.far)}, and the ` +
      `difference is above 0 by the spread over seeds; disagrees if the top half loses at least ${percent(rule.far)}, or no ` +
      `less than the bottom half by that spread`,
    numbers: { fullLoss: mean(lost.map(({ full }) => full)), topLost: top, bottomLost: bottom, difference },
    verdict: verdictOf(
      top <= rule.close && bottom >= rule.far && difference - off > 0,
      top >= rule.far || difference + off <= 0,
    ),
  };
}

function lostOf(rows: readonly LossRow[]): Lost {
  const full = rows.filter((row) => (row.variant ?? "full") === "full");
  const gain = full[0].value - smallest(full.map(({ value }) => value));
  const pruned = (variant: string): LossRow | undefined => rows.findLast((row) => row.variant === variant);
  const end = full.findLast(({ step }) => step <= (pruned("top")?.step ?? Infinity))?.value ?? NaN;
  const lost = (variant: string): number => (gain > 0 ? ((pruned(variant)?.value ?? NaN) - end) / gain : NaN);
  return { full: end, top: lost("top"), bottom: lost("bottom") };
}
