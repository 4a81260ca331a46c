import type { ColumnTable } from "arquero";
import { withinGroups } from "../../analysis/predict-barrier.js";
import { largest } from "../../core/extent.js";
import { type Facets, facetsText } from "../../core/facets.js";
import { groupBy } from "../../core/group-by.js";
import { type Claim, percent, verdictOf, written } from "../claim.js";
import { margin, mean } from "../statistics.js";
import { AGREEMENT, BARRIER, meansBy, overTrunks, type Pair, pairsOf } from "./connectivity.js";

const rule = {
  /** Rank correlation at a fixed split that is an effect. */
  within: -0.3,
  chance: 0.05,
  draws: 2000,
} as const;

/**
 * What figure 11 shows of an experiment: the barrier falls to 0 as agreement rises, and does so beyond the clock.
 * @param pairs as `pairsTable` has them: branches of one trunk, and for the first claim's control of different trunks
 */
export function claimsOfBranches(pairs: ColumnTable, facets: Facets): Claim[] {
  return [barrierFalls(pairs, facets), moreAgreementLowerBarrier(pairs, facets)];
}

function unperturbed(pairs: ColumnTable, facets: Facets, between: string): Pair[] {
  return pairsOf(pairs, facets).filter((pair) => pair.noise === null && pair.between === between);
}

/** The barrier and agreement of one trunk's branches at the first and at the last split. */
interface Course {
  readonly first: number;
  readonly last: number;
  readonly rise: number;
}

/**
 * "The barrier falls to 0 as agreement rises". A clock could do both: whatever falls late in training falls with the split. So pairs
 * across trunks with the same splits are the control: on the same clock, they must keep a high barrier where branches of one trunk
 * have none.
 */
export function barrierFalls(pairs: ColumnTable, facets: Facets): Claim {
  const branches = unperturbed(pairs, facets, "branches");
  const across = unperturbed(pairs, facets, "trunks");
  const courses = [...groupBy(branches, ({ trunk1 }) => trunk1).values()].map(courseOf);
  const [firsts, lasts, rises] = (["first", "last", "rise"] as const).map((name) =>
    courses.map((course) => course[name]),
  );
  const lastStep = largest(branches.map(({ step }) => step));
  const control = across.filter(({ step }) => step === lastStep);
  const kept = mean(control.map(({ barrier }) => barrier));
  const [first, last, rise] = [firsts, lasts, rises].map(mean);
  const splits = new Set(branches.map(({ step }) => step)).size;
  return {
    figure: 11,
    statement: `The barrier between branches of one trunk falls to 0 as their agreement rises (${facetsText(facets)})`,
    null:
      "both follow the clock: then pairs across trunks, which split at the same steps, lose their barrier too; or branches' " +
      "barriers and agreement do not change with the split",
    effect:
      `of what training gained, the barrier is ${overTrunks(firsts, percent)} at the first of ${splits} splits and ` +
      `${overTrunks(lasts, percent)} at the last, where pairs across trunks have ${percent(kept)} ` +
      `(${control.length} pairs); agreement rises by ${overTrunks(rises, written)}; ${branches.length} pairs of branches`,
    threshold:
      `agrees if the barrier falls from at least ${percent(BARRIER.high)} to at most ${percent(BARRIER.none)} of the gain, ` +
      `agreement rises by at least ${AGREEMENT.some}, each beyond the spread over trunks, and pairs across trunks keep at ` +
      `least ${percent(BARRIER.high)}; disagrees if the last barrier is above ${percent(BARRIER.high)} or agreement rises by ` +
      `less than ${AGREEMENT.none}, likewise beyond the spread; one trunk decides nothing`,
    numbers: {
      trunks: courses.length,
      splits,
      pairs: branches.length,
      first,
      last,
      rise,
      acrossTrunks: kept,
    },
    verdict: verdictOf(
      first - margin(firsts) >= BARRIER.high &&
        last + margin(lasts) <= BARRIER.none &&
        rise - margin(rises) >= AGREEMENT.some &&
        kept >= BARRIER.high,
      last - margin(lasts) > BARRIER.high || rise + margin(rises) < AGREEMENT.none,
    ),
  };
}

function courseOf(pairs: readonly Pair[]): Course {
  const step = ({ step }: Pair): number => step;
  const barriers = meansBy(pairs, step, ({ barrier }) => barrier).map(([, value]) => value);
  const agreements = meansBy(pairs, step, ({ agreement }) => agreement).map(([, value]) => value);
  return {
    first: barriers[0],
    last: barriers[barriers.length - 1],
    rise: agreements[agreements.length - 1] - agreements[0],
  };
}

/** At a fixed split no clock runs: pairs of branches from one point of one trunk, told apart by their orders of examples alone. */
export function moreAgreementLowerBarrier(pairs: ColumnTable, facets: Facets): Claim {
  const branches = unperturbed(pairs, facets, "branches");
  const known = branches.filter((pair) => Number.isFinite(pair.barrier + pair.agreement));
  const groups = [...groupBy(known, ({ group }) => group).values()].filter(({ length }) => length > 1);
  const lists = groups.map((own): [number[], number[]] => [
    own.map(({ agreement }) => agreement),
    own.map(({ barrier }) => barrier),
  ]);
  const { within, withinChance, withinSpread } = withinGroups(lists, rule.draws);
  return {
    figure: 11,
    statement: `Of branches that split at the same point, those that agree more have the lower barrier (${facetsText(facets)})`,
    null: "at a fixed split agreement says nothing of the barrier: barriers are permuted among the pairs of a split",
    effect:
      `rank correlation inside splits ${written(within)} (${groups.length} splits of trunks, ` +
      `${groups.flat().length} pairs); ${percent(withinChance)} of permutations reach it, of either sign`,
    threshold:
      `agrees from ${rule.within} on, if at most ${percent(rule.chance)} of permutations reach it; disagrees if it lies above ` +
      `${rule.within} by two standard deviations of the permutations`,
    numbers: { within, withinChance, withinSpread, splits: groups.length, pairs: groups.flat().length },
    verdict: verdictOf(
      within <= rule.within && withinChance <= rule.chance,
      within - 2 * withinSpread > rule.within,
    ),
  };
}
