import { StoreError } from "../core/errors.js";
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
import { commonMatrices, expectTwoOfOneTask } from "./two-networks.js";

/**
 * Agreement (Eqn 5) of two runs of one task step by step, such as of a network and its masked branch (figure 10): parts as of
 * `stability`, of every step up to those of the inputs whose vectors or weights both runs kept. Equal in both directions.
 */
export const trajectory = defineStudy<TrajectoryParameters>({
  kind: "trajectory",
  title: "Agreement of two networks along their training",
  reads: "vectors",
  defaults: TRAJECTORY_DEFAULTS,
  checks: TRAJECTORY_CHECKS,
  needs(inputs) {
    expectTwoOfOneTask("trajectory", inputs);
    requireUnedited("trajectory", inputs);
  },
  async parts(context) {
    await commonMatrices("trajectory", context);
    const [a, b] = await bothOf(context);
    const last = Math.min(...context.inputs.map(({ step }) => step));
    const both = a.steps.filter((step) => step <= last && b.steps.includes(step));
    if (both.length > 0) return both.map(partOf);
    throw new StoreError(
      `runs ${a.run.folder} and ${b.run.folder}: expected singular vectors or weights that both kept at one step, found none: ` +
        `train them again with: ${a.command}; and ${b.command}`,
    );
  },
  async compute(part, context) {
    const [a, b] = await bothOf(context);
    const step = stepOf(part);
    const pairs = [a, b].map((kept) => kept.at(step, () => context.svd, context.signal));
    const [ofA, ofB] = await Promise.all(pairs);
    return agreementAt(step, a.run, a.model, [ofA, ofB]);
  },
});

function bothOf(context: StudyContext<TrajectoryParameters>): Promise<readonly KeptVectors[]> {
  const { inputs, parameters } = context;
  const open = async ({ run }: (typeof inputs)[number], input: number): Promise<KeptVectors> =>
    new KeptVectors(run, await context.model(input), parameters.pairs);
  return context.shared("vectors", () => Promise.all(inputs.map(open)));
}
