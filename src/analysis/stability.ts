import { ConfigError, StoreError } from "../core/errors.js";
import type { SingularPairs } from "../linalg/agreement.js";
import { KeptVectors } from "./kept-vectors.js";
import { defineStudy, type StudyContext } from "./study.js";
import {
  agreementAt,
  partOf,
  requireUnedited,
  stepOf,
  TRAJECTORY_CHECKS,
  TRAJECTORY_DEFAULTS,
  type TrajectoryParameters,
} from "./trajectories.js";

/**
 * How early singular vectors settle (figure 9): agreement (Eqn 5) of a run's matrices along training with themselves at the
 * input's step, usually the last. Parts `step/<n>`, of every step whose vectors (`RunRequest.vectors`) or weights were kept:
 * a row per matrix with step, epoch, matrix, depth and score (the mean of the first ten S_ii, in [0, 1]); and the arrays
 * `agreement/<matrix>` with S_ii, i <= pairs. NaN where a singular value is mere rounding.
 */
export const stability = defineStudy<TrajectoryParameters>({
  kind: "stability",
  title: "Agreement along training with the final network",
  reads: "vectors",
  defaults: TRAJECTORY_DEFAULTS,
  checks: TRAJECTORY_CHECKS,
  needs(inputs) {
    if (inputs.length !== 1)
      throw new ConfigError(
        `stability: expected one run at the step it is compared with, found ${inputs.length}`,
      );
    requireUnedited("stability", inputs);
  },
  async parts(context) {
    const { kept } = await opened(context);
    const [{ run, step: last }] = context.inputs;
    if (kept.steps.some((step) => step !== last)) return kept.steps.map(partOf);
    throw new StoreError(
      `run ${run.folder}: expected singular vectors or weights kept at other steps than ${last}, found none: train it again with: ${kept.command}`,
    );
  },
  async compute(part, context) {
    const { kept, reference } = await opened(context);
    const step = stepOf(part);
    const now = await kept.at(step, () => context.svd, context.signal);
    return agreementAt(step, kept.run, kept.model, [now, await reference]);
  },
});

interface Opened {
  readonly kept: KeptVectors;
  readonly reference: Promise<readonly SingularPairs[]>;
}

/** The reference is read, or decomposed, once. */
function opened(context: StudyContext<TrajectoryParameters>): Promise<Opened> {
  const { inputs, parameters, signal } = context;
  const [{ run, step }] = inputs;
  return context.shared("vectors", async () => {
    const kept = new KeptVectors(run, await context.model(0), parameters.pairs);
    const reference = kept.at(step, () => context.svd, signal);
    reference.catch(() => undefined); // awaited by each part
    return { kept, reference };
  });
}
