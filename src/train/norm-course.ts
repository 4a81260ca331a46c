import { ConfigError, DataError } from "../core/errors.js";
import { hashOf } from "../core/hash.js";
import type { Model } from "../nn/model.js";
import type { Row } from "../store/rows.js";

/** The Frobenius norms of a model's matrices along a run. */
export interface NormCourse {
  /** Id of the run. */
  readonly run: string;
  /** Steps at which they were measured, rising. */
  readonly steps: readonly number[];
  /** By parameter: a norm for each of the steps, finite and >= 0. */
  readonly norms: ReadonlyMap<string, readonly number[]>;
}

/**
 * The norms that a run has measured, as the rows of its probe `spectra` say.
 * @param run its id
 * @param only these steps, all of which must be there; default every step that was measured
 * @throws DataError if a norm lacks at such a step, or is not finite
 */
export function normCourse(
  run: string,
  rows: readonly Row[],
  model: Pick<Model<never>, "matrices">,
  only?: readonly number[],
): NormCourse {
  const measured = new Map<number, Map<unknown, unknown>>();
  for (const { probe, step, matrix, frobenius } of rows) {
    if (probe !== "spectra") continue;
    const own = measured.get(Number(step)) ?? new Map<unknown, unknown>();
    measured.set(Number(step), own.set(matrix, frobenius));
  }
  const steps = only ?? [...measured.keys()].sort((a, b) => a - b);
  const normAt = (step: number, name: string): number => {
    const norm = measured.get(step)?.get(name);
    if (typeof norm === "number" && norm >= 0 && norm < Infinity) return norm;
    const found = norm === undefined ? "none" : String(norm);
    throw new DataError(`run ${run}: expected the norm of "${name}" at step ${step}, found ${found}`);
  };
  const norms = model.matrices.map(
    ({ name, parameter }) => [parameter, steps.map((step) => normAt(step, name))] as const,
  );
  return { run, steps, norms: new Map(norms) };
}

/** 12 hexadecimal digits, equal for equal steps and norms. */
export function hashOfCourse({ steps, norms }: NormCourse): string {
  return hashOf({ steps, norms: Object.fromEntries(norms) });
}

/**
 * The norms at a step, by parameter: between two measured steps on the exponential curve through both, which is what decay
 * alone does to a norm; on the line where one of them is 0. Off by as much as the norm leaves that curve between two
 * measurements, so measure finely where it changes fast.
 * @throws ConfigError for a step before the first or after the last one
 */
export function normsAt({ steps, norms }: NormCourse, step: number): Map<string, number> {
  const after = steps.findIndex((measured) => measured >= step);
  if (after < 0 || step < steps[0]) {
    const known = steps.length > 0 ? `${steps[0]} .. ${steps.at(-1)}` : "none";
    throw new ConfigError(`norms: expected a step in ${known}, found ${step}`);
  }
  const before = Math.max(0, after - 1);
  const share = after === before ? 0 : (step - steps[before]) / (steps[after] - steps[before]);
  return new Map([...norms].map(([name, own]) => [name, between(own[before], own[after], share)]));
}

/** The value at `share` in [0, 1] of the way from `a` to `b`. */
function between(a: number, b: number, share: number): number {
  if (share === 0 || share === 1 || a === b) return share === 1 ? b : a;
  return a > 0 && b > 0 ? a * (b / a) ** share : a + share * (b - a);
}
