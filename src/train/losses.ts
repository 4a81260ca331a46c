import * as tf from "@tensorflow/tfjs";
import { read } from "../backend/read.js";
import { TrainingError } from "../core/errors.js";
import type { Parameters } from "../nn/model.js";
import { toArrays } from "../nn/parameters.js";

/**
 * Losses of recent steps that still lie on the device. Reading each at once would stall a GPU, so they are read in
 * groups, which also is where a diverged run is noticed.
 */
export class PendingLosses {
  readonly #losses: tf.Scalar[] = [];
  #firstStep = 0;

  get count(): number {
    return this.#losses.length;
  }

  /** Takes over the loss of the update that follows `step` updates. */
  push(step: number, loss: tf.Scalar): void {
    if (this.#losses.length === 0) this.#firstStep = step;
    this.#losses.push(loss);
  }

  /**
   * The values since the last read, in order.
   * @param parameters the current ones, searched for the culprit
   * @throws TrainingError that names the first step with a NaN or infinite loss, and the first such parameter
   */
  async read(parameters: Parameters): Promise<number[]> {
    if (this.#losses.length === 0) return [];
    const stacked = tf.stack(this.#losses);
    this.dispose();
    const values = Array.from(await read(stacked));
    stacked.dispose();
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) throw await divergence(this.#firstStep + bad, values[bad], parameters);
    return values;
  }

  dispose(): void {
    this.#losses.forEach((loss) => loss.dispose());
    this.#losses.length = 0;
  }
}

async function divergence(step: number, loss: number, parameters: Parameters): Promise<TrainingError> {
  const where = firstNonFinite(await toArrays(parameters));
  const culprit = where
    ? `; parameter "${where.name}" holds ${where.value} at index ${where.index}`
    : "; all parameters are still finite";
  return new TrainingError(`training: step ${step}: expected a finite loss, found ${loss}${culprit}`, step);
}

/** The first NaN or infinity among named arrays, or undefined. */
export function firstNonFinite(
  arrays: ReadonlyMap<string, { readonly data: ArrayLike<number | bigint> }>,
): { name: string; index: number; value: number } | undefined {
  for (const [name, { data }] of arrays) {
    for (let index = 0; index < data.length; index++) {
      const value = Number(data[index]);
      if (!Number.isFinite(value)) return { name, index, value };
    }
  }
  return undefined;
}
