import { whole } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import { agreementDiagonal, type SingularPairs } from "../linalg/agreement.js";
import type { Model } from "../nn/model.js";
import type { RunAtStep } from "../store/run-at-step.js";
import { agreementOf } from "../probes/agreement.js";
import { LEADING } from "../probes/alignment.js";
import type { RunReader } from "../store/stored-run.js";
import type { Measurement } from "../train/measure.js";

// What the studies of agreement along training have in common.

export type TrajectoryParameters = {
  /** Leading pairs of singular vectors that are compared: as many must have been kept. */
  readonly pairs: number;
};

/** Enough to compare the first ten with others; a run that keeps them stays small. */
export const TRAJECTORY_DEFAULTS: TrajectoryParameters = { pairs: 40 };
export const TRAJECTORY_CHECKS = { pairs: whole(1, LEADING) };

/** Parts `step/<n>`. */
export const partOf = (step: number): string => `step/${step}`;
export const stepOf = (part: string): number => Number(part.slice("step/".length));

/** @throws ConfigError for an input whose weights were edited: only those of its own step would be */
export function requireUnedited(kind: string, inputs: readonly RunAtStep[]): void {
  const edited = inputs.find(({ edit }) => edit !== undefined);
  if (edited)
    throw new ConfigError(`${kind}: expected runs as they were trained, found the edit ${edited.edit}`);
}

/**
 * Agreement of the matrices of a model at a step, in the order of depth: a row each with step, epoch, matrix, depth and
 * score, and the arrays `agreement/<matrix>`.
 */
export function agreementAt(
  step: number,
  run: RunReader,
  { matrices }: Model<unknown>,
  [a, b]: readonly [readonly SingularPairs[], readonly SingularPairs[]],
): Measurement {
  const epoch = epochAt(run, step);
  const diagonals = matrices.map((_, i) => agreementDiagonal(a[i], b[i]));
  const { rows, arrays } = agreementOf(matrices, diagonals);
  return { rows: rows.map((row) => ({ step, epoch, ...row })), arrays };
}

/** Unknown of runs that have not reached a step. */
function epochAt({ record: { step: last, epoch } }: RunReader, step: number): number | null {
  return last !== undefined && last > 0 && epoch !== undefined ? (step * epoch) / last : null;
}
