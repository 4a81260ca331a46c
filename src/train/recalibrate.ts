import type { Model, Parameters } from "../nn/model.js";
import { disposeParameters, toTensors } from "../nn/parameters.js";
import type { EvaluationOptions } from "./evaluate.js";
import { forEachBatch } from "./evaluate.js";
import type { Examples } from "./examples.js";

/**
 * The buffers that belong to edited weights: running statistics recomputed with one pass over the training set
 * (PAPER.md section 2, last point), as the mean over batches of the batch's mean and of its unbiased variance: every
 * batch counts the same, a short last one too. For a model without running statistics, a copy of `buffers`. The caller disposes
 * the result, and `buffers` as before.
 */
export async function recalibrate<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  buffers: Parameters,
  training: Examples<Batch>,
  options: EvaluationOptions,
): Promise<Parameters> {
  if (!model.recalibrate) return new Map([...buffers].map(([name, tensor]) => [name, tensor.clone()]));
  let current: Parameters = toTensors(model.initBuffers(0));
  try {
    await forEachBatch(training, options, (batch, seen) => {
      const next = model.recalibrate!(parameters, current, batch, seen);
      current.forEach((tensor, name) => next.get(name) === tensor || tensor.dispose());
      current = next;
    });
  } catch (error) {
    disposeParameters(current);
    throw error;
  }
  return current;
}
