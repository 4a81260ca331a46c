import type { When } from "../core/time.js";
import { type Half, halfNeeds, halved, HALVES } from "../nn/halves.js";
import type { Parameters } from "../nn/model.js";
import { disposeParameters } from "../nn/parameters.js";
import { hiddenMatrices } from "../nn/views.js";
import type { Measurement, Probe, Snapshot } from "../train/measure.js";
import { metricRows, ROW_BYTES } from "./metrics.js";

/**
 * Metrics of the network with only the top, or only the bottom half of the singular triplets of every matrix but the
 * last layer's (PAPER.md section 1, "top / bottom half pruning"): no retraining, normalisation statistics recomputed on
 * as many training examples as the first evaluation reads. Rows as of `metricsProbe`, with `variant` "top" and "bottom".
 */
export function pruningProbe(when: When): Probe {
  return {
    name: "pruning",
    when,
    needs: (model) => hiddenMatrices(model).map(halfNeeds),
    bytes: () => 2 * 4 * ROW_BYTES,
    async measure(snapshot): Promise<Measurement> {
      const rows: Measurement["rows"][number][] = [];
      for (const half of HALVES) {
        const parameters = await prunedParameters(snapshot, half);
        let buffers: Parameters = new Map();
        try {
          buffers = await snapshot.recalibrate(parameters);
          for (const split of Object.keys(snapshot.evaluations)) {
            rows.push(...metricRows(split, half, await snapshot.evaluate(split, { parameters, buffers })));
          }
        } finally {
          disposeParameters(parameters);
          disposeParameters(buffers);
        }
      }
      return { rows };
    },
  };
}

/**
 * The parameters of a snapshot with one half of every hidden matrix. New handles, the caller's to dispose.
 * @param snapshot its `svd` must answer for every matrix of `hiddenMatrices`
 */
export function prunedParameters<Batch>(
  { model, parameters, matrix, svd }: Pick<Snapshot<Batch>, "model" | "parameters" | "matrix" | "svd">,
  half: Half,
): Promise<Parameters> {
  return halved(model, parameters, half, async ({ name }) => {
    const [ofName, decomposition] = await Promise.all([matrix(name), svd({ matrix: name })]);
    return { matrix: ofName, svd: decomposition };
  });
}
