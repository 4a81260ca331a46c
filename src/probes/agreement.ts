import { float32, type NdArray } from "../core/array.js";
import type { When } from "../core/time.js";
import { agreementDiagonal, agreementScore, resolved } from "../linalg/agreement.js";
import type { MatrixView } from "../nn/model.js";
import type { Measurement, Probe } from "../train/measure.js";
import { LEADING } from "./alignment.js";
import { arrayBytes, total } from "./bytes.js";

/** About, of a row in rows.jsonl. */
const ROW_BYTES = 106;

/**
 * Agreement of every matrix with itself at the run's reference (Eqn 5), usually the initialisation: how far the singular
 * vectors have turned. A row per
 * matrix with its score; and the array `agreement/<matrix>` with the diagonal S_ii, i <= 100.
 */
export function agreementProbe(when: When): Probe {
  return {
    name: "agreement",
    when,
    needs: (model) => model.matrices.map(({ name }) => ({ matrix: name, left: LEADING, right: LEADING })),
    bytes: ({ matrices }) =>
      total(matrices, ({ name, rows, columns }) => {
        return ROW_BYTES + arrayBytes(`agreement/${name}`, Math.min(rows, columns, LEADING));
      }),
    async measure(snapshot): Promise<Measurement> {
      const { matrices } = snapshot.model;
      const diagonals = await Promise.all(
        matrices.map(async ({ name }) => {
          const [now, then] = await Promise.all([
            snapshot.svd({ matrix: name }),
            snapshot.referenceSvd({ matrix: name }),
          ]);
          return agreementDiagonal(resolved(now), resolved(then), LEADING);
        }),
      );
      return agreementOf(matrices, diagonals);
    },
  };
}

/** Diagonals S_ii of a model's matrices, in their order, as rows (matrix, depth, score) and arrays `agreement/<matrix>`. */
export function agreementOf(
  matrices: readonly MatrixView[],
  diagonals: readonly Float64Array[],
): Required<Measurement> {
  return {
    rows: matrices.map(({ name }, depth) => ({
      matrix: name,
      depth,
      score: agreementScore(diagonals[depth]),
    })),
    arrays: new Map<string, NdArray>(
      matrices.map(({ name }, i) => [
        `agreement/${name}`,
        float32([diagonals[i].length], Float32Array.from(diagonals[i])),
      ]),
    ),
  };
}
