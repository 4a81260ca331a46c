import * as tf from "@tensorflow/tfjs";
import type { Model, Parameters } from "../nn/model.js";
import { disposeParameters, get, mapParameters, toTensors } from "../nn/parameters.js";
import type { EvaluationOptions } from "./evaluate.js";
import { forEachBatch } from "./evaluate.js";
import type { Examples } from "./examples.js";

/**
 * The buffers that belong to edited weights: running statistics recomputed with one pass over the training set
 * (PAPER.md section 2, last point), as the mean over batches of the batch's mean and of its unbiased variance: every
 * batch counts the same, a short last one too. For a model without running statistics, a copy of `buffers`. The caller disposes
 * the result, and `buffers` as before.
 * @param packed the device's part, if it is not `packedStatistics` of the model and the parameters
 */
export async function recalibrate<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  buffers: Parameters,
  training: Examples<Batch>,
  options: EvaluationOptions,
  packed?: (batch: Batch) => tf.Tensor1D,
): Promise<Parameters> {
  if (!model.statistics) return new Map([...buffers].map(([name, tensor]) => [name, tensor.clone()]));
  const initial = toTensors(model.initBuffers(0));
  const work = packed ?? ((batch: Batch) => packedStatistics(model, parameters, initial, batch));
  let total: tf.Tensor1D | undefined;
  let count = 0;
  try {
    await forEachBatch(training, options, (batch) => {
      const own = work(batch);
      const sum: tf.Tensor1D = total ? tf.add(total, own) : own;
      if (total) tf.dispose([total, own]);
      total = sum;
      count++;
    });
    return unpacked(total!, count, initial);
  } finally {
    total?.dispose();
    disposeParameters(initial);
  }
}

/** The statistics that one batch leaves, one after the other in the order of the buffers. */
export function packedStatistics<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  buffers: Parameters,
  batch: Batch,
): tf.Tensor1D {
  const own = model.statistics!(parameters, buffers, batch);
  try {
    return tf.tidy(() =>
      tf.concat1d([...buffers.keys()].map((name) => tf.reshape(get(own, name), [-1]) as tf.Tensor1D)),
    );
  } finally {
    disposeParameters(own);
  }
}

/** Sums over so many batches as means, each by its name. */
function unpacked(total: tf.Tensor1D, count: number, like: Parameters): Parameters {
  let start = 0;
  return mapParameters(like, ({ shape, size }) => {
    const part = tf.slice(total, [start], [size]);
    start += size;
    return tf.reshape(tf.div(part, count), shape);
  });
}
