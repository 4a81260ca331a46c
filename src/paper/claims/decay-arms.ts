import type { ColumnTable } from "arquero";
import { bySeed, type Claim, lastRows, overSeeds, type RunRow, verdictOf, written } from "../claim.js";
import { margin, mean } from "../statistics.js";

/** Least difference of mean effective rank that counts, as in figure 8. */
const LEAST = 0.02;

interface Measured extends RunRow {
  readonly value: number;
}

/** The mean effective rank at the end in each arm, of one seed. */
interface Ends {
  readonly free: number;
  readonly decay: number;
  readonly undone: number;
  readonly only: number;
}

/**
 * What weight decay does to effective rank beyond norms (PAPER.md section 5), of one task: the effects of a 2 x 2 of decay
 * and norms. "Decay at equal norms" is the mean of with minus without decay at either run's norms; "norms at equal decay"
 * that of the decayed run's norms minus the other's, with and without decay.
 * @param measures of one task: columns arm, seed, step, metric, value
 */
export function claimsOfArms(measures: ColumnTable, task: string): Claim[] {
  const arm = (name: keyof Ends): Map<number, number> => {
    const rows = bySeed<Measured>(measures, { arm: name, metric: "effective rank" }, ["value"]);
    return new Map([...rows].map(([seed, own]) => [seed, lastRows(own)[0].value]));
  };
  const arms = { free: arm("free"), decay: arm("decay"), undone: arm("undone"), only: arm("only") };
  const ends = [...arms.free.keys()].map((seed): Ends => ({
    free: arms.free.get(seed) ?? NaN,
    decay: arms.decay.get(seed) ?? NaN,
    undone: arms.undone.get(seed) ?? NaN,
    only: arms.only.get(seed) ?? NaN,
  }));
  const interaction = ends.map(({ free, decay, undone, only }) => decay - undone - only + free);
  return [
    lowered(
      ends,
      `Decay lowers effective rank at equal norms (${task})`,
      "decay acts on rank only through norms",
      ends.map(({ free, decay, undone, only }) => (undone - free + (decay - only)) / 2),
      interaction,
    ),
    lowered(
      ends,
      `The decayed run's norms lower effective rank at equal decay (${task})`,
      "norms do nothing to rank",
      ends.map(({ free, decay, undone, only }) => (only - free + (decay - undone)) / 2),
      interaction,
    ),
  ];
}

function lowered(
  ends: readonly Ends[],
  statement: string,
  nothing: string,
  effects: readonly number[],
  interaction: readonly number[],
): Claim {
  const of = (arm: keyof Ends): number => mean(ends.map((own) => own[arm]));
  const [effect, off] = [mean(effects), margin(effects)];
  return {
    figure: 6,
    statement,
    null: `${nothing}: the effect is 0 by the spread over seeds`,
    effect:
      `changes it by ${overSeeds(effects)}; without decay ${written(of("free"))}, with its norms ${written(of("only"))}, ` +
      `with decay ${written(of("decay"))}, with the other's norms ${written(of("undone"))}; interaction ${overSeeds(interaction)}`,
    threshold:
      `agrees if lower by at least ${LEAST} and beyond the spread over seeds, disagrees if not by as much, likewise beyond ` +
      `the spread; one seed decides nothing`,
    numbers: {
      free: of("free"),
      decay: of("decay"),
      undone: of("undone"),
      only: of("only"),
      effect,
      interaction: mean(interaction),
    },
    verdict: verdictOf(-effect >= LEAST && effect + off < 0, -effect + off < LEAST),
  };
}
