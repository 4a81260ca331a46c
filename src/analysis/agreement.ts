import { availableParallelism } from "node:os";
import { float32, type NdArray } from "../core/array.js";
import { whole } from "../core/config.js";
import {
  agreementDiagonal,
  agreementMatrix,
  agreementScore,
  type SingularPairs,
} from "../linalg/agreement.js";
import { LEADING } from "../probes/alignment.js";
import { singularPairs } from "./singular-pairs.js";
import { defineStudy, type StudyContext } from "./study.js";
import { commonMatrices, expectTwoOfOneTask } from "./two-networks.js";

type Parameters = {
  /** Leading pairs of singular vectors that are compared. */
  readonly pairs: number;
  /** Whether all S_jk are kept, not the diagonal alone. */
  readonly full: boolean;
};

/**
 * Agreement of two networks (Eqn 5): of two runs of a task, or of one run at two steps. A part `matrix/<name>` per matrix:
 * a row with matrix, depth (its place in the model, from 0), rows and columns (its size, on which chance depends) and score (the
 * mean of the first ten S_ii, in [0, 1]); and the array `agreement/<matrix>` with the diagonal S_ii, i <= pairs. With `full` also
 * `agreement-matrix/<matrix>` with S_jk, a row per pair of the first network. NaN where a singular value is mere rounding.
 * Diagonals are equal in both directions.
 */
export const agreement = defineStudy<Parameters>({
  kind: "agreement",
  title: "Agreement of the singular vectors of two networks",
  reads: "weights",
  defaults: { pairs: LEADING, full: false },
  checks: { pairs: whole(1, LEADING) },
  together: availableParallelism(),
  needs(inputs) {
    expectTwoOfOneTask("agreement", inputs);
  },
  async parts(context) {
    return (await commonMatrices("agreement", context)).map(({ name }) => partOf(name));
  },
  async compute(part, context) {
    const { matrices } = await context.model(0);
    const depth = matrices.findIndex(({ name }) => partOf(name) === part);
    const { name, rows, columns } = matrices[depth];
    const [a, b] = await Promise.all([0, 1].map((input) => pairsOf(input, depth, context)));
    const diagonal = agreementDiagonal(a, b);
    const arrays = new Map<string, NdArray>([
      [`agreement/${name}`, float32([diagonal.length], Float32Array.from(diagonal))],
    ]);
    if (context.parameters.full) {
      const all = Float32Array.from(agreementMatrix(a, b));
      arrays.set(`agreement-matrix/${name}`, float32([diagonal.length, diagonal.length], all));
    }
    return { rows: [{ matrix: name, depth, rows, columns, score: agreementScore(diagonal) }], arrays };
  },
});

const partOf = (matrix: string): string => `matrix/${matrix}`;

/** The singular vectors of one matrix of one input. */
async function pairsOf(
  input: number,
  depth: number,
  { inputs, parameters: { pairs }, model, weights, svd, signal }: StudyContext<Parameters>,
): Promise<SingularPairs> {
  const { run, step } = inputs[input];
  const view = (await model(input)).matrices[depth];
  const of = `run ${run.record.id}, step ${step}`;
  const [found] = await singularPairs([view], weights(input), { pairs, svd, of, signal });
  return found;
}
