import type { Tensor } from "@tensorflow/tfjs";
import type { Parameters } from "../nn/model.js";

/** A number that may change from step to step; `step` counts from 0 for the first update. */
export type Schedule = number | ((step: number) => number);

/** What an optimiser remembers: tensors under names such as "m/embedding.weight", and the updates made so far. */
export interface OptimiserState {
  readonly step: number;
  readonly slots: ReadonlyMap<string, Tensor>;
}

/**
 * A pair of pure functions, composed by wrapping (as in optax): `clipByGlobalNorm(1, adamw({...}))`.
 * `update` makes new tensors and disposes none; the training loop disposes the old parameters, slots and gradients.
 */
export interface Optimiser {
  init(parameters: Parameters): OptimiserState;
  update(
    gradients: Parameters,
    state: OptimiserState,
    parameters: Parameters,
  ): { readonly parameters: Parameters; readonly state: OptimiserState };
}

/** The value of a schedule at a step. */
export function at(schedule: Schedule, step: number): number {
  return typeof schedule === "number" ? schedule : schedule(step);
}
