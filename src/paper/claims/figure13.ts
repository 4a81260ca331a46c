import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { groupBy } from "../../core/group-by.js";
import { type Claim, percent, verdictOf, written } from "../claim.js";
import { margin, mean } from "../statistics.js";
import { AGREEMENT, BARRIER, chanceScore, meansBy, overTrunks, type Pair, pairsOf } from "./connectivity.js";

const rule = {
  /** The sizes at which half of the change is reached: equal up to this factor is together. */
  factor: 2,
  /** At equal sizes: differences that count. */
  agreement: 0.02,
  barrier: BARRIER.none,
} as const;

/**
 * What figure 13 shows of an experiment, for each reading of the noise that there is: barrier and agreement change together; and with
 * both readings, that at equal sizes the noise that leaves more agreement leaves the lower barrier.
 * @param tables.pairs as `pairsTable` has them, with unperturbed pairs as size 0 of a reading
 * @param tables.scores columns task, setting, matrix and, for chance, rows and columns
 */
export function claimsOfNoise(
  { pairs, scores }: { readonly pairs: ColumnTable; readonly scores: ColumnTable },
  facets: Facets,
): Claim[] {
  const chance = chanceScore(scores, facets);
  const all = pairsOf(pairs, facets).map((pair) => ({ ...pair, agreement: pair.agreement - chance }));
  const readings = groupBy(
    all.filter(({ noise, eta }) => noise !== null && eta !== null),
    ({ noise }) => String(noise),
  );
  const claims = [...readings].map(([noise, own]) => together(noise, own, chance, facets));
  const [own, shared] = [readings.get("own"), readings.get("shared")];
  return own && shared ? [...claims, atEqualSizes(own, shared, facets)] : claims;
}

/** What noise does to the pairs of one trunk. */
interface Course {
  /** Barrier at the largest size, minus that at the smallest. */
  readonly rise: number;
  /** Agreement above chance at the smallest and at the largest size. */
  readonly before: number;
  readonly after: number;
  /** ln of the size at which half of the rise is reached over that at which half of the agreement is lost. */
  readonly lag: number;
}

function together(noise: string, pairs: readonly Pair[], chance: number, facets: Facets): Claim {
  const courses = [...groupBy(pairs, ({ trunk1 }) => trunk1).values()].map(courseOf);
  const [rises, befores, afters, lags] = (["rise", "before", "after", "lag"] as const).map((name) =>
    courses.map((course) => course[name]),
  );
  const [rise, before, after, lag] = [rises, befores, afters, lags].map(mean);
  const sizes = new Set(pairs.map(({ eta }) => eta)).size;
  const closest = Math.log(rule.factor);
  return {
    figure: 13,
    statement: `With ${noise} noise the barrier rises and agreement vanishes together (${facetsText(facets)})`,
    null: "noise of these sizes changes neither; or each at a size of its own, unrelated to the other's",
    effect:
      `over ${sizes} sizes the barrier rises by ${overTrunks(rises, percent)} of what training gained; agreement above chance ` +
      `(${written(chance)}) goes from ${overTrunks(befores, written)} to ${overTrunks(afters, written)}; half of the one is reached at ` +
      `${overTrunks(lags.map(Math.exp), written)} times the size at which half of the other is lost (${pairs.length} pairs)`,
    threshold:
      `agrees if the barrier rises by at least ${percent(BARRIER.high)} of the gain, agreement falls from at least ${AGREEMENT.some} ` +
      `to at most ${2 * AGREEMENT.none} above chance, and the two sizes differ by at most a factor of ${rule.factor}, each beyond ` +
      `the spread over trunks; disagrees if, likewise beyond it, the barrier rises by less than ${percent(BARRIER.none)}, half of ` +
      `the agreement stays, or the sizes differ by more; one trunk decides nothing`,
    numbers: { trunks: courses.length, pairs: pairs.length, rise, before, after, factor: Math.exp(lag) },
    verdict: verdictOf(
      rise - margin(rises) >= BARRIER.high &&
        before - margin(befores) >= AGREEMENT.some &&
        after + margin(afters) <= 2 * AGREEMENT.none &&
        Math.abs(lag) + margin(lags) <= closest,
      rise + margin(rises) < BARRIER.none ||
        after - margin(afters) > before / 2 ||
        Math.abs(lag) - margin(lags) > closest,
    ),
  };
}

function courseOf(pairs: readonly Pair[]): Course {
  const eta = (pair: Pair): number => Number(pair.eta);
  const barriers = meansBy(pairs, eta, ({ barrier }) => barrier);
  const agreements = meansBy(pairs, eta, ({ agreement }) => agreement);
  const first = (curve: typeof barriers): number => curve[0][1];
  const last = (curve: typeof barriers): number => curve[curve.length - 1][1];
  return {
    rise: last(barriers) - first(barriers),
    before: first(agreements),
    after: last(agreements),
    lag: Math.log(halfway(barriers) / halfway(agreements)),
  };
}

/** Where a curve first reaches the middle between its first and last value, on straight lines between its points. */
function halfway(curve: readonly (readonly [number, number])[]): number {
  const [from, to] = [curve[0][1], curve[curve.length - 1][1]];
  const done = curve.map(([x, y]) => [x, (y - from) / (to - from)] as const);
  const after = done.findIndex(([, part]) => part >= 0.5);
  if (after < 1) return NaN;
  const [[x0, y0], [x1, y1]] = [done[after - 1], done[after]];
  return x0 + ((0.5 - y0) / (y1 - y0)) * (x1 - x0);
}

/** At equal sizes no clock runs: own noise against shared noise, trunk by trunk. */
function atEqualSizes(own: readonly Pair[], shared: readonly Pair[], facets: Facets): Claim {
  const differences = [...groupBy(own, ({ trunk1 }) => trunk1)].flatMap(([trunk, ofOwn]) => {
    const ofShared = shared.filter(({ trunk1 }) => trunk1 === trunk);
    const between = (valueOf: (pair: Pair) => number): number[] => {
      const eta = (pair: Pair): number => Number(pair.eta);
      const other = new Map(meansBy(ofShared, eta, valueOf));
      return meansBy(ofOwn, eta, valueOf).flatMap(([size, value]) =>
        size > 0 && other.has(size) ? [other.get(size)! - value] : [],
      );
    };
    const agreement = between((pair) => pair.agreement);
    if (agreement.length === 0) return [];
    return [{ agreement: mean(agreement), barrier: -mean(between((pair) => pair.barrier)) }];
  });
  const agreements = differences.map(({ agreement }) => agreement);
  const barriers = differences.map(({ barrier }) => barrier);
  const [more, lower] = [mean(agreements), mean(barriers)];
  return {
    figure: 13,
    statement: `At equal sizes, the noise that leaves more agreement leaves the lower barrier (${facetsText(facets)})`,
    null: "whether branches share their noise changes neither; or agreement without the barrier",
    effect:
      `with shared instead of own noise, on average over sizes, agreement is higher by ${overTrunks(agreements, written)} and the ` +
      `barrier lower by ${overTrunks(barriers, percent)} of what training gained`,
    threshold:
      `agrees if agreement is higher by at least ${rule.agreement} and the barrier lower by at least ${percent(rule.barrier)}, each ` +
      `beyond the spread over trunks; disagrees if agreement is, and the barrier not lower at all, likewise beyond it; one trunk ` +
      `decides nothing`,
    numbers: { trunks: differences.length, agreement: more, barrier: lower },
    verdict: verdictOf(
      more - margin(agreements) > 0 &&
        more >= rule.agreement &&
        lower - margin(barriers) > 0 &&
        lower >= rule.barrier,
      more - margin(agreements) > 0 && more >= rule.agreement && lower + margin(barriers) <= 0,
    ),
  };
}
