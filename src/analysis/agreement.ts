import { availableParallelism } from "node:os";
import { float32 } from "../core/array.js";
import { whole } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import { agreementDiagonal, agreementScore } from "../linalg/agreement.js";
import type { MatrixView, Model } from "../nn/model.js";
import { matrixOf } from "../nn/views.js";
import { LEADING } from "../probes/alignment.js";
import { defineStudy, type StudyContext } from "./study.js";

type Parameters = {
  /** Leading pairs of singular vectors that are compared. */
  readonly pairs: number;
};

/**
 * Agreement of two networks (Eqn 5): of two runs of a task, or of one run at two steps. A part `matrix/<name>` per matrix:
 * a row with matrix, depth (its place in the model, from 0) and score (the mean of the first ten S_ii, in [0, 1]); and the array
 * `agreement/<matrix>` with the diagonal S_ii, i <= pairs. Equal in both directions.
 */
export const agreement = defineStudy<Parameters>({
  kind: "agreement",
  title: "Agreement of the singular vectors of two networks",
  reads: "weights",
  defaults: { pairs: LEADING },
  checks: { pairs: whole(1, LEADING) },
  together: availableParallelism(),
  needs(inputs) {
    const tasks = inputs.map(({ run }) => run.record.task);
    if (tasks.length === 2 && tasks[0] === tasks[1]) return;
    throw new ConfigError(
      `agreement: expected two networks of one task, found ${tasks.length === 2 ? tasks.join(" and ") : tasks.length}`,
    );
  },
  async parts(context) {
    const [a, b] = [await context.model(0), await context.model(1)];
    const shapes = (model: Model<unknown>): string =>
      model.matrices.map(({ name, rows, columns }) => `${name} ${rows} x ${columns}`).join(", ");
    if (shapes(a) !== shapes(b)) {
      throw new ConfigError(
        `agreement: expected two networks with the same matrices, found ${shapes(a)}; and ${shapes(b)}`,
      );
    }
    return a.matrices.map(({ name }) => partOf(name));
  },
  async compute(part, context) {
    const { matrices } = await context.model(0);
    const depth = matrices.findIndex(({ name }) => partOf(name) === part);
    const view = matrices[depth];
    const diagonal = await diagonalOf(view, context);
    return {
      rows: [{ matrix: view.name, depth, score: agreementScore(diagonal) }],
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
