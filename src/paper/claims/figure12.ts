import type { ColumnTable } from "arquero";
import { largest, smallest } from "../../core/extent.js";
import { type Facets, facetsText } from "../../core/facets.js";
import { groupBy } from "../../core/group-by.js";
import { type Claim, meanAndSpread, percent, verdictOf, written } from "../claim.js";
import { marginIfAny, mean } from "../statistics.js";
import { AGREEMENT, BARRIER, chanceScore, meansBy, type Pair, pairsOf } from "./connectivity.js";

/**
 * What figure 12 shows of an experiment: between branches of different trunks the barrier is high and agreement none at every split.
 * @param tables.pairs as `pairsTable` has them
 * @param tables.scores columns task, setting, matrix and, for chance, rows and columns
 */
export function claimsOfTrunks(
  { pairs, scores }: { readonly pairs: ColumnTable; readonly scores: ColumnTable },
  facets: Facets,
): Claim[] {
  const all = pairsOf(pairs, facets).filter(({ between, noise }) => between === "trunks" && noise === null);
  return [alwaysHigh(all, facets), neverAgree(all, chanceScore(scores, facets), facets)];
}

/** A number of every two trunks: the extreme over splits of the mean over their pairs. */
function extremes(
  pairs: readonly Pair[],
  extreme: (values: readonly number[]) => number,
  valueOf: (pair: Pair) => number,
): number[] {
  return [...groupBy(pairs, ({ trunk1, trunk2 }) => `${trunk1} ${trunk2}`).values()].map((own) =>
    extreme(meansBy(own, ({ step }) => step, valueOf).map(([, value]) => value)),
  );
}

function alwaysHigh(pairs: readonly Pair[], facets: Facets): Claim {
  const lowest = extremes(pairs, smallest, ({ barrier }) => barrier);
  const splits = new Set(pairs.map(({ step }) => step)).size;
  const [least, off] = [mean(lowest), marginIfAny(lowest)];
  return {
    figure: 12,
    statement: `Between branches of different trunks the barrier is high at every split (${facetsText(facets)})`,
    null: "it falls with the split as between branches of one trunk, down to none",
    effect:
      `at the split where it is lowest, the barrier is ${overTrunkPairs(lowest, percent)} of what training gained ` +
      `(${splits} splits, ${pairs.length} pairs)`,
    threshold:
      `agrees if it is at least ${percent(BARRIER.high)} even there, disagrees if at most ${percent(BARRIER.none)}, each beyond ` +
      `the spread over pairs of trunks`,
    numbers: { lowest: least, splits, pairs: pairs.length },
    verdict: verdictOf(least - off >= BARRIER.high, least + off <= BARRIER.none),
  };
}

function neverAgree(pairs: readonly Pair[], chance: number, facets: Facets): Claim {
  const highest = extremes(pairs, largest, ({ agreement }) => agreement - chance);
  const [most, off] = [mean(highest), marginIfAny(highest)];
  return {
    figure: 12,
    statement: `Branches of different trunks do not agree at any split (${facetsText(facets)})`,
    null: "they agree as branches of one trunk do; no agreement is that of independent random vectors of the same sizes",
    effect:
      `at the split where it is highest, the agreement score lies ${overTrunkPairs(highest, written)} above chance, ` +
      `which is ${written(chance)}: ${written((most + chance) / chance)} times chance (${pairs.length} pairs)`,
    threshold:
      `agrees if it is at most ${AGREEMENT.none} above chance even there, disagrees from ${AGREEMENT.some} on, each beyond the ` +
      `spread over pairs of trunks`,
    numbers: { highest: most, chance, ratioToChance: (most + chance) / chance, pairs: pairs.length },
    verdict: verdictOf(most + off <= AGREEMENT.none, most - off >= AGREEMENT.some),
  };
}

function overTrunkPairs(values: readonly number[], write: (value: number) => string): string {
  return meanAndSpread(values, write, { none: "unknown", one: "two trunks", many: "pairs of trunks" });
}
