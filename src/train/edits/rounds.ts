import { ConfigError } from "../../core/errors.js";
import type { Moment } from "../../core/time.js";

/** A round of iterative pruning, as a group of runs of a plan has it. */
export interface PruningRound {
  /** "round-1", "round-2", ... */
  readonly name: string;
  readonly from: { readonly group: string; readonly at: readonly Moment[] };
  /** One edit: the first round ranks by its trunk's end, each later one by the end of the round before, `{round-1}`. */
  readonly edits: readonly [string];
}

/**
 * Iterative pruning (Frankle and Carbin 2019) as groups of runs: every round goes back to the trunk's weights at the same step and trains
 * them with fewer of them, chosen by the end of the round before. Weights that were masked there are 0 and rank last, so the masks of
 * rounds lie within each other.
 * @param share of the weights kept in one round, in (0, 1): after round i, share^i of all
 * @param from the group of the trunks and the moment that is rewound to
 * @throws ConfigError for a number of rounds or a share out of range
 * @example pruningRounds({ rounds: 2, share: 0.8, from: { group: "trunk", at: ["1760it"] } }).map(({ edits }) => edits[0]);
 * // ["magnitude:0.8", "magnitude:0.64@{round-1}@end"]
 */
export function pruningRounds({
  rounds,
  share,
  from,
}: {
  readonly rounds: number;
  readonly share: number;
  readonly from: PruningRound["from"];
}): PruningRound[] {
  if (!(Number.isInteger(rounds) && rounds >= 1 && rounds <= 1000))
    throw new ConfigError(`iterative pruning: expected 1 to 1000 rounds, found ${rounds}`);
  if (!(share > 0 && share < 1))
    throw new ConfigError(`iterative pruning: expected a share in (0, 1) kept in each round, found ${share}`);
  return Array.from({ length: rounds }, (_, i) => {
    const keep = Number((share ** (i + 1)).toPrecision(12)); // 0.8^2 is 0.64
    const ranked = i === 0 ? "" : `@{round-${i}}@end`;
    return { name: `round-${i + 1}`, from, edits: [`magnitude:${keep}${ranked}`] };
  });
}
