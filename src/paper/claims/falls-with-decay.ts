import { type Claim, overSeeds, verdictOf, written } from "../claim.js";
import { margin, mean } from "../statistics.js";
import { trendTest } from "../trend.js";

/** One number of each seed, by weight decay. */
export type ByDecay = ReadonlyMap<number, ReadonlyMap<number, number>>;

/** What is said to fall as decay grows. */
export interface Falling {
  readonly figure: number;
  readonly statement: string;
  /** "mean effective rank at the end": what the effect calls it. */
  readonly quantity: string;
  readonly values: ByDecay;
  /** Least fall, from the smallest to the largest decay, that counts. */
  readonly least: number;
}

/** At most this probability counts. */
const SIGNIFICANT = 0.05;

/**
 * A number falls as decay grows: by an exact test of its order over decays within each seed (`trendTest`), and, from the
 * smallest to the largest decay, by at least `least` and beyond the spread over seeds. Decays at which some seed has no such
 * number (matrices that are zero, runs that diverged) are left out and named.
 */
export function fallsWithDecay({ figure, statement, quantity, values, least }: Falling): Claim {
  const all = [...values.keys()].sort((a, b) => a - b);
  const has = (decay: number): boolean => {
    const own = [...(values.get(decay)?.values() ?? [])];
    return own.length > 0 && own.every(Number.isFinite);
  };
  const decays = all.filter(has);
  const at = (decay: number): ReadonlyMap<number, number> => values.get(decay) ?? new Map<number, number>();
  const seeds = [...new Set(decays.flatMap((decay) => [...at(decay).keys()]))];
  const series = seeds.map((seed) => decays.flatMap((decay) => at(decay).get(seed) ?? []));
  const probability = trendTest(series);
  const [first, last] = [decays[0], decays[decays.length - 1]];
  const falls = seeds.flatMap((seed) => {
    const [from, to] = [at(first).get(seed), at(last).get(seed)];
    return first === last || from === undefined || to === undefined ? [] : [from - to];
  });
  const [fall, off] = [mean(falls), margin(falls)];
  const means = decays.map((decay) => `${written(mean([...at(decay).values()]))} at decay ${decay}`);
  const without = all.filter((decay) => !has(decay));
  return {
    figure,
    statement,
    null: "decay makes no difference: within each seed, any order over decays is as likely",
    effect:
      `${quantity}: ${means.join(", ") || "unknown"}; it falls by ${overSeeds(falls)}` +
      (without.length > 0 ? `; unknown at decay ${without.join(", ")}` : "") +
      `; as much order by chance: ${written(probability)}`,
    threshold:
      `agrees if as much order arises by chance at most with ${SIGNIFICANT} and the fall from the smallest to the largest ` +
      `decay is at least ${least} and above 0 by the spread over seeds; disagrees if it is less than ${least} by that ` +
      `spread; one seed decides nothing`,
    numbers: { decays: decays.length, fall, probability },
    verdict: verdictOf(probability <= SIGNIFICANT && fall >= least && fall - off > 0, fall + off < least),
  };
}
