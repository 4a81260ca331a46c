import type { When } from "../core/time.js";
import type { Metrics } from "../nn/model.js";
import { valueOf } from "../train/evaluate.js";
import type { Measurement, Probe } from "../train/measure.js";

/** About, of a row in rows.jsonl. */
export const ROW_BYTES = 115;

/** Which weights were evaluated: the network's own, or those with one half of every spectrum. */
export type Variant = "full" | "top" | "bottom";

/** Loss, error and whatever else the model counts, on every evaluation set: a row per set and metric. */
export function metricsProbe(when: When): Probe {
  return {
    name: "metrics",
    when,
    bytes: () => 5 * ROW_BYTES, // loss and error of two sets, and the loss of the batches
    async measure(snapshot): Promise<Measurement> {
      const rows = [];
      for (const split of Object.keys(snapshot.evaluations)) {
        rows.push(...metricRows(split, "full", await snapshot.evaluate(split)));
      }
      return { rows };
    },
  };
}

/** The rows of one evaluation. */
export function metricRows(split: string, variant: Variant, metrics: Metrics): Measurement["rows"] {
  return Object.entries(metrics).map(([metric, ratio]) => ({
    split,
    variant,
    metric,
    value: valueOf(ratio),
  }));
}
