import * as tf from "@tensorflow/tfjs";

/**
 * The numbers of one update that may change from update to update (learning rate, bias corrections, norms to hold), on the
 * host and as a tensor. A recorded step is replayed with other numbers in the same tensor, so what changes at every update
 * must be among them. `dispose` frees the tensor.
 */
export class Scalars {
  #tensor: tf.Tensor1D | undefined;

  /** @param tensor holds the values, as float32; made when it is asked for if it is not given. It is taken over. */
  constructor(
    readonly values: readonly number[],
    tensor?: tf.Tensor1D,
  ) {
    this.#tensor = tensor;
  }

  get tensor(): tf.Tensor1D {
    return (this.#tensor ??= tf.keep(tf.tensor1d([...this.values], "float32")));
  }

  /** The first so many of them, and the others: what a wrapper takes for itself and what it hands on. */
  split(count: number): readonly [Scalars, Scalars] {
    const part = (start: number, size: number): Scalars => {
      const values = this.values.slice(start, start + size);
      return size === this.values.length
        ? new Scalars(values, this.tensor.clone())
        : new Scalars(values, size === 0 ? undefined : tf.slice(this.tensor, [start], [size]));
    };
    return [part(0, count), part(count, this.values.length - count)];
  }

  dispose(): void {
    this.#tensor?.dispose();
    this.#tensor = undefined;
  }
}
