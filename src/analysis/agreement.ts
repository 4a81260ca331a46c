import { availableParallelism } from "node:os";
import { float32 } from "../core/array.js";
import { whole } from "../core/config.js";
import { agreementDiagonal, agreementScore } from "../linalg/agreement.js";
import type { MatrixView } from "../nn/model.js";
import { matrixOf } from "../nn/views.js";
import { LEADING } from "../probes/alignment.js";
import { defineStudy, type StudyContext } from "./study.js";
import { commonMatrices, expectTwoOfOneTask } from "./two-networks.js";

type Parameters = {
  /** Leading pairs of singular vectors that are compared. */
  readonly pairs: number;
};

/**
 * Agreement of two networks (Eqn 5): of two runs of a task, or of one run at two steps. A part `matrix/<name>` per matrix:
 * a row with matrix, depth (its place in the model, from 0), rows and columns (its size) and score (the mean of the first ten S_ii, in [0, 1]); and the array
 * `agreement/<matrix>` with the diagonal S_ii, i <= pairs. Equal in both directions.
 */
export const agreement = defineStudy<Parameters>({
  kind: "agreement",
  title: "Agreement of the singular vectors of two networks",
  defaults: { pairs: LEADING },
  checks: { pairs: whole(1, LEADING) },
  together: availableParallelism(),
  needs: (inputs) => expectTwoOfOneTask("agreement", inputs),
  async parts(context) {
    return (await commonMatrices("agreement", context)).map(({ name }) => partOf(name));
  },
  async compute(part, context) {
    const { matrices } = await context.model(0);
    const depth = matrices.findIndex(({ name }) => partOf(name) === part);
    const view = matrices[depth];
    const diagonal = await diagonalOf(view, context);
    return {
      rows: [
        { matrix: view.name, depth, rows: view.rows, columns: view.columns, score: agreementScore(diagonal) },
      ],
      arrays: new Map([[`agreement/${view.name}`, float32([diagonal.length], Float32Array.from(diagonal))]]),
    };
  },
});

const partOf = (matrix: string): string => `matrix/${matrix}`;

async function diagonalOf(
  view: MatrixView,
  { inputs, parameters: { pairs }, weights, svd, signal }: StudyContext<Parameters>,
): Promise<Float64Array> {
  const [a, b] = await svd.svdMany(
    inputs.map(({ run, step }, i) => ({
      ...matrixOf(view, weights(i)),
      left: pairs,
      right: pairs,
      name: `${view.name} (run ${run.record.id}, step ${step})`,
      signal,
    })),
  );
  return agreementDiagonal(a, b, pairs);
}
