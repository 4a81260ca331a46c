import * as tf from "@tensorflow/tfjs";
import type { Examples } from "./examples.js";

/** Bytes of batches that are kept: all of CIFAR-10, beside a network and its activations, on any GPU that several processes share. */
const BYTES = 2 ** 30;

/**
 * Examples whose batches stay on the device once they are made, for whoever passes over a data set many times in the same
 * batches. Only of examples whose batches are a function of their indices; and only the first `bytes` of them, the rest is
 * made at every pass. `dispose` frees them.
 */
export function keepBatches<Batch>(
  examples: Examples<Batch>,
  bytes = BYTES,
): Examples<Batch> & { dispose(): void } {
  const kept = new Map<string, Batch>();
  let free = bytes;
  return {
    ...examples,
    batch(indices, random) {
      if (!examples.fixed) return examples.batch(indices, random);
      const key = `${indices}`;
      const known = kept.get(key);
      if (known !== undefined) return handlesOf(known);
      const batch = examples.batch(indices, random);
      const size = bytesOf(batch);
      if (size > free) return batch;
      free -= size;
      kept.set(key, batch);
      return handlesOf(batch);
    },
    dispose() {
      kept.forEach((batch) => tf.dispose(batch as tf.TensorContainer));
      kept.clear();
    },
  };
}

/** A batch with handles of its own on the same memory. */
function handlesOf<Batch>(batch: Batch): Batch {
  const entries = Object.entries(batch as Record<string, unknown>);
  const own = entries.map(([name, value]) => [name, value instanceof tf.Tensor ? value.clone() : value]);
  return Object.fromEntries(own) as Batch;
}

function bytesOf(batch: unknown): number {
  const tensors = Object.values(batch as Record<string, unknown>).filter(
    (value) => value instanceof tf.Tensor,
  );
  return tensors.reduce((sum, { size, dtype }) => sum + size * tf.util.bytesPerElement(dtype), 0);
}
