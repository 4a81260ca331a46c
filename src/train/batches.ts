import * as tf from "@tensorflow/tfjs";
import { randomStream } from "../core/random.js";
import { type Batching, batchesOfStep, epochOrder, type Examples, stepsPerEpoch } from "./examples.js";

/** The batches of each step of a run as tensors: a function of the seed of the order and of the step. */
export class Batches<Batch> {
  readonly #stepsPerEpoch: number;
  /** Whether every step sees the same one batch, which is then made once. */
  readonly #same: boolean;
  #only: Batch[] | undefined;
  #order: { epoch: number; indices: Int32Array } | undefined;

  constructor(
    readonly training: Examples<Batch>,
    readonly batching: Batching,
    readonly seed: number,
  ) {
    this.#stepsPerEpoch = stepsPerEpoch(training.count, batching);
    this.#same = Boolean(training.fixed) && this.#stepsPerEpoch === 1 && (batching.accumulation ?? 1) === 1;
  }

  /** The batches of the update that follows `step` updates; hand them back to `release`. */
  of(step: number): readonly Batch[] {
    if (!this.#same) return this.#make(step);
    return (this.#only ??= this.#make(step));
  }

  /** Frees batches that no other step reads. */
  release(batches: readonly Batch[]): void {
    if (!this.#same) tf.dispose([...batches] as tf.TensorContainer);
  }

  dispose(): void {
    tf.dispose(this.#only as tf.TensorContainer);
    this.#only = undefined;
  }

  #make(step: number): Batch[] {
    const { training, batching, seed } = this;
    const epoch = Math.floor(step / this.#stepsPerEpoch);
    const stepInEpoch = step % this.#stepsPerEpoch;
    if (this.#order?.epoch !== epoch) {
      this.#order = { epoch, indices: epochOrder(training.count, batching.batchSize, seed, epoch) };
    }
    return batchesOfStep(this.#order.indices, batching, stepInEpoch).map((indices, i) =>
      training.batch(indices, randomStream(seed, `batch/epoch/${epoch}/step/${stepInEpoch}/${i}`)),
    );
  }
}
