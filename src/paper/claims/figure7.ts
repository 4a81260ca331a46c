import type { ColumnTable } from "arquero";
import { bySeed, type Claim, lastRows, overSeeds, type RunRow, verdictOf } from "../claim.js";
import type { DecayedTask } from "../decays.js";
import { margin, mean } from "../statistics.js";

/** Least difference of alignment scores that counts, as in figure 8. */
const LEAST = 0.02;
const ABOUT = "transformer";

interface ScoreRow extends RunRow {
  readonly contact: string;
  readonly score: number;
}

/** How much decay raises the alignment of a task. */
interface Rise {
  readonly title: string;
  /** The decay at which it is largest, on average over seeds. */
  readonly decay: number;
  /** By seed: alignment score at the end, mean over contacts, less that with the smallest decay. */
  readonly bySeed: ReadonlyMap<number, number>;
}

/**
 * "Decay raises the Transformer's alignment most": the mean alignment score of all contacts at the end, at the decay where
 * it is largest, less that without decay; the Transformer's less the largest of the other tasks', paired by seed.
 * @param scores columns task, weightDecay, contact, score
 * @returns none without the Transformer and another task, each with two decays
 */
export function transformerAlignsMost(
  scores: ColumnTable,
  tasks: readonly Pick<DecayedTask, "task" | "title" | "decays">[],
): Claim[] {
  const rises = tasks.flatMap((task) => {
    const rise = riseOf(scores, task);
    return rise ? [{ task: task.task, rise }] : [];
  });
  const own = rises.find(({ task }) => task === ABOUT)?.rise;
  const others = rises.filter(({ task }) => task !== ABOUT).map(({ rise }) => rise);
  if (!own || others.length === 0) return [];
  const size = ({ bySeed: of }: Rise): number => mean([...of.values()]);
  const most = others.reduce((best, other) => (size(other) > size(best) ? other : best));
  const differences = [...own.bySeed].flatMap(([seed, rise]) => {
    const other = most.bySeed.get(seed);
    return other === undefined ? [] : [rise - other];
  });
  const [difference, off] = [mean(differences), margin(differences)];
  const each = [own, ...others].map(
    (rise) => `${rise.title} by ${overSeeds([...rise.bySeed.values()])} (decay ${rise.decay})`,
  );
  return [
    {
      figure: 7,
      statement: "Decay raises the Transformer's alignment most",
      null: "decay raises another task's as much, by the spread over seeds",
      effect: `alignment rises most at some decay: ${each.join("; ")}; the Transformer's less ${most.title}'s: ${overSeeds(differences)}`,
      threshold:
        `agrees if the Transformer's rise and the difference are at least ${LEAST}, and the difference above 0 by the spread ` +
        `over seeds; disagrees if the difference is less than ${LEAST} by that spread; one seed decides nothing`,
      numbers: { rise: size(own), otherRise: size(most), difference },
      verdict: verdictOf(
        size(own) >= LEAST && difference >= LEAST && difference - off > 0,
        difference + off < LEAST,
      ),
    },
  ];
}

function riseOf(
  scores: ColumnTable,
  { title, decays }: Pick<DecayedTask, "title" | "decays">,
): Rise | undefined {
  const [without, ...others] = decays.map(({ decay, where }) => ({ decay, ends: endsOf(scores, where) }));
  const rises = others.map(({ decay, ends }): Rise => {
    const pairs = [...ends].flatMap(([seed, score]): [number, number][] => {
      const before = without.ends.get(seed);
      return before === undefined || !Number.isFinite(score - before) ? [] : [[seed, score - before]];
    });
    return { title, decay, bySeed: new Map(pairs) };
  });
  const known = rises.filter((rise) => rise.bySeed.size > 0);
  if (known.length === 0) return undefined;
  const size = (rise: Rise): number => mean([...rise.bySeed.values()]);
  return known.reduce((best, rise) => (size(rise) > size(best) ? rise : best));
}

/** The mean score over contacts at the end, by seed. */
function endsOf(scores: ColumnTable, facets: DecayedTask["decays"][number]["where"]): Map<number, number> {
  const rows = bySeed<ScoreRow>(scores, facets, ["contact", "score"], ["contact"]);
  return new Map([...rows].map(([seed, own]) => [seed, mean(lastRows(own).map(({ score }) => score))]));
}
