import type { ColumnTable } from "arquero";
import type { Facets } from "../../core/facets.js";
import { bySeed, type Claim, lastRows, overSeeds, type RunRow, verdictOf } from "../claim.js";
import type { DecayedTask } from "../decays.js";
import { margin, mean } from "../statistics.js";
import { fallsWithDecay } from "./falls-with-decay.js";

/** Least fall of mean effective rank that counts, as in figure 8. */
const LEAST = 0.02;
/** Shares of the norm without decay that are left: a collapse, and none. */
const collapse = { agrees: 0.1, disagrees: 0.5 } as const;
/** A norm counts as at least this share of the one that it is compared with: of 0 there is no logarithm. */
const SMALLEST = 1e-6;

interface RankRow extends RunRow {
  readonly matrix: string;
  readonly effectiveRank: number;
  readonly frobenius: number;
}

/**
 * "More decay, lower rank; too much, norm collapse", of one task.
 * @param ranks columns weightDecay, matrix, effectiveRank, frobenius
 */
export function claimsOfDecay(ranks: ColumnTable, task: Pick<DecayedTask, "task" | "decays">): Claim[] {
  const ends = new Map(task.decays.map(({ decay, where }) => [decay, endsOf(ranks, where)]));
  const values = new Map(
    [...ends].map(([decay, rows]) => [
      decay,
      new Map([...rows].map(([seed, own]) => [seed, mean(own.map(({ effectiveRank }) => effectiveRank))])),
    ]),
  );
  return [
    fallsWithDecay({
      figure: 6,
      statement: `More decay ends in lower effective rank (${task.task})`,
      quantity: "mean effective rank at the end",
      values,
      least: LEAST,
    }),
    normsCollapse(task.task, ends),
  ];
}

/** The last rows of each seed. */
function endsOf(ranks: ColumnTable, facets: Facets): Map<number, RankRow[]> {
  const rows = bySeed<RankRow>(ranks, facets, ["matrix", "effectiveRank", "frobenius"], ["matrix"]);
  return new Map([...rows].map(([seed, own]) => [seed, lastRows(own)]));
}

/** The largest decay leaves little of the norms that matrices have with the smallest one. */
function normsCollapse(
  task: string,
  ends: ReadonlyMap<number, ReadonlyMap<number, readonly RankRow[]>>,
): Claim {
  const decays = [...ends].filter(([, rows]) => rows.size > 0).map(([decay]) => decay);
  const [first, last] = [decays[0], decays[decays.length - 1]];
  const [before, after] = [ends.get(first), ends.get(last)];
  const seeds = first === last ? [] : [...(after?.keys() ?? [])].filter((seed) => before?.has(seed));
  const logs = seeds.map((seed) => {
    const norms = new Map(before!.get(seed)!.map(({ matrix, frobenius }) => [matrix, frobenius]));
    const shares = after!.get(seed)!.map(({ matrix, frobenius }) => frobenius / norms.get(matrix)!);
    return mean(shares.map((share) => Math.log(Math.max(share, SMALLEST))));
  });
  const [log, off] = [mean(logs), margin(logs)];
  return {
    figure: 6,
    statement: `The most decay collapses the norms (${task})`,
    null: "norms with the most decay are those without it, by the spread over seeds",
    effect: `at decay ${last} norms end at ${overSeeds(logs.map(Math.exp))} times those at decay ${first} (geometric mean over matrices)`,
    threshold:
      `agrees if at ${collapse.agrees} or less and below 1 by the spread over seeds of the logarithm, disagrees if above ` +
      `${collapse.disagrees} by that spread; one seed decides nothing`,
    numbers: { decay: last, share: Math.exp(log) },
    verdict: verdictOf(
      log <= Math.log(collapse.agrees) && log + off < 0,
      log - off > Math.log(collapse.disagrees),
    ),
  };
}
