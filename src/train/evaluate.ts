import * as tf from "@tensorflow/tfjs";
import { randomStream } from "../core/random.js";
import type { Metrics, Model, Parameters, Ratio } from "../nn/model.js";
import type { Examples } from "./examples.js";

/** How much of a data set an evaluation reads, and in what batches. */
export interface EvaluationOptions {
  readonly batchSize: number;
  /** Evaluate only the first so many examples. Default all. */
  readonly limit?: number;
}

/**
 * Evaluation-mode metrics over a data set: sums and counts over examples, so that a short last batch counts for what
 * it holds. What is random in a batch (a diffusion model's noise) is the same in every evaluation.
 */
export async function evaluate<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  buffers: Parameters,
  examples: Examples<Batch>,
  { batchSize, limit = examples.count }: EvaluationOptions,
): Promise<Metrics> {
  const total: Record<string, Ratio> = {};
  await forEachBatch(examples, batchSize, limit, async (batch) => {
    for (const [name, { sum, count }] of Object.entries(await model.evaluate(parameters, buffers, batch))) {
      const before = total[name] ?? { sum: 0, count: 0 };
      total[name] = { sum: before.sum + sum, count: before.count + count };
    }
  });
  return total;
}

/** Calls `visit` with the first `limit` examples in order, batch by batch, and frees each batch after it. */
export async function forEachBatch<Batch>(
  examples: Examples<Batch>,
  batchSize: number,
  limit: number,
  visit: (batch: Batch, number: number) => Promise<void> | void,
): Promise<void> {
  const count = Math.min(limit, examples.count);
  for (let start = 0, number = 0; start < count; start += batchSize, number++) {
    const length = Math.min(batchSize, count - start);
    const indices = Int32Array.from({ length }, (_, i) => start + i);
    const batch = examples.batch(indices, randomStream(0, `evaluation/batch/${number}`));
    try {
      await visit(batch, number);
    } finally {
      tf.dispose(batch as tf.TensorContainer);
    }
  }
}

/** The value of a ratio; NaN where nothing was counted. */
export function valueOf({ sum, count }: Ratio): number {
  return count === 0 ? NaN : sum / count;
}
