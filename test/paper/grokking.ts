import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { randomStream, type Random } from "spectral-lab/core/random";

/** An invented run of modular addition, measured every 100 steps; shapes are functions of the step. */
export interface Invented {
  readonly task?: string;
  readonly seed: number;
  readonly end: number;
  /** The half-error step; undefined: the run does not grok. */
  readonly half?: number;
  /** Effective rank without noise. */
  readonly rank: (step: number) => number;
  /** Standard deviation of independent noise of each matrix at each moment. Default 0.002. */
  readonly noise?: number;
}

/** Steps in which the error falls from 75 to 25 % are 2.2 times this. */
const WIDTH = 200;
const MEMORISED = 500;
const MATRICES = ["embedding", "attention", "mlp"];

/** Tables of invented runs, with facets task ("decay" unless named) and seed. */
export function grokkingTables(runs: readonly Invented[]): { metrics: ColumnTable; ranks: ColumnTable } {
  const metrics: object[] = [];
  const ranks: object[] = [];
  for (const { task = "decay", seed, end, half, rank, noise = 0.002 } of runs) {
    const random = randomStream(seed, `invented ${task}`);
    for (let step = 0; step <= end; step += 100) {
      const origin = { task, seed, step, epoch: step };
      const error = half === undefined ? 0.8 : 0.8 / (1 + Math.exp((step - half) / WIDTH));
      for (const [split, value] of [
        ["train", step < MEMORISED ? 0.9 : 0],
        ["validation", Math.min(1, Math.max(0, error + random.normal(0, 0.004)))],
      ])
        metrics.push({ ...origin, split, variant: "full", metric: "error", value });
      for (const matrix of MATRICES)
        ranks.push({ ...origin, matrix, effectiveRank: rank(step) + random.normal(0, noise) });
    }
  }
  return { metrics: aq.from(metrics), ranks: aq.from(ranks) };
}

/** Exponential decay from 0.8 to 0.4: a clock that knows nothing of the error. */
export const clock =
  (time = 4000, from = 0.8, to = 0.4) =>
  (step: number): number =>
    to + (from - to) * Math.exp(-step / time);

/** A fall of `size` about `at`, over as long as the error's. */
export const fallAt =
  (at: number, size: number, width = WIDTH) =>
  (step: number): number =>
    -size / (1 + Math.exp(-(step - at) / width));

/** A Gaussian random walk with a step of `size` per measurement. */
export function walk(random: Random, size: number): (step: number) => number {
  const values: number[] = [0.6];
  return (step) => {
    while (values.length <= step / 100) values.push(values[values.length - 1] + random.normal(0, size));
    return values[step / 100];
  };
}
