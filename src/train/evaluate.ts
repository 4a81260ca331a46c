import { setImmediate } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import { chosenBackend } from "../backend/chosen.js";
import { read } from "../backend/read.js";
import { randomStream } from "../core/random.js";
import type { Content, Metrics, Model, Parameters, Ratio } from "../nn/model.js";
import type { Examples } from "./examples.js";

/** Batches that a device is asked for before it is waited for: their uploads lie in the host's memory. */
const IN_FLIGHT = 64;

/** How much of a data set an evaluation reads, and in what batches. */
export interface EvaluationOptions {
  readonly batchSize: number;
  /** Evaluate only the first so many examples. Default all. */
  readonly limit?: number;
  /** Stops before the next batch: rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a mean over a data set gives equal weight to. The authors' code averages over batches (docs/quirks.md). */
export type MeanOver = "examples" | "batches";

/** What is evaluated of a data set, and how. */
export type Evaluating = EvaluationOptions & { readonly mean?: MeanOver };

/**
 * Evaluation-mode metrics over a data set: sums and counts over examples, so that a short last batch counts for what
 * it holds. What is random in a batch (a diffusion model's noise) is the same in every evaluation. What batches give stays on the
 * device until all are done.
 * @param options.mean "batches": sums of the batches' means and counts of batches instead
 * @param forward the device's part, if it is not the model's own
 */
export async function evaluate<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  buffers: Parameters,
  examples: Examples<Batch>,
  { mean = "examples", ...options }: Evaluating,
  forward: ((batch: Batch) => tf.Tensor[]) | undefined = (batch) =>
    model.evaluate(parameters, buffers, batch),
): Promise<Metrics> {
  const results: {
    readonly tensors: tf.Tensor[];
    metrics(content: readonly Content[]): Metrics;
  }[] = [];
  try {
    await forEachBatch(examples, options, async (batch, number) => {
      results.push({ tensors: forward(batch), metrics: (content) => model.metrics(content, batch) });
      if (number % IN_FLIGHT === IN_FLIGHT - 1) await chosenBackend()?.settle();
      else await setImmediate(); // timers, interrupts and training get their turn
    });
    const found = await Promise.all(results.map(({ tensors, metrics }) => readMetrics(tensors, metrics)));
    const total: Record<string, Ratio> = {};
    for (const metrics of found) {
      for (const [name, ratio] of Object.entries(metrics)) {
        const { sum, count } = mean === "examples" ? ratio : { sum: valueOf(ratio), count: 1 };
        const before = total[name] ?? { sum: 0, count: 0 };
        total[name] = { sum: before.sum + sum, count: before.count + count };
      }
    }
    return total;
  } finally {
    tf.dispose(results.flatMap(({ tensors }) => tensors));
  }
}

/** Metrics of one batch. */
export async function evaluateBatch<Batch>(
  model: Pick<Model<Batch>, "evaluate" | "metrics">,
  parameters: Parameters,
  buffers: Parameters,
  batch: Batch,
): Promise<Metrics> {
  return await readMetrics(model.evaluate(parameters, buffers, batch), (content) =>
    model.metrics(content, batch),
  );
}

/** Reads and frees what a model's `evaluate` gave. */
async function readMetrics(
  tensors: tf.Tensor[],
  metrics: (content: readonly Content[]) => Metrics,
): Promise<Metrics> {
  try {
    return metrics(await Promise.all(tensors.map((tensor) => read(tensor))));
  } finally {
    tf.dispose(tensors);
  }
}

/** Calls `visit` with the first `limit` examples in order, batch by batch, and frees each batch after it. */
export async function forEachBatch<Batch>(
  examples: Examples<Batch>,
  { batchSize, limit = examples.count, signal }: EvaluationOptions,
  visit: (batch: Batch, number: number) => Promise<void> | void,
): Promise<void> {
  const count = Math.min(limit, examples.count);
  for (let start = 0, number = 0; start < count; start += batchSize, number++) {
    if (signal) await setImmediate(); // what aborts it gets its turn
    signal?.throwIfAborted();
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
