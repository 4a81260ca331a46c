import type { Tensor } from "@tensorflow/tfjs";
import type { Parameters } from "../nn/model.js";
import { mapParameters } from "../nn/parameters.js";
import { Scalars } from "./scalars.js";

/** A number that may change with the run's step: the updates made before this one, 0 for a run's first. */
export type Schedule = number | ((step: number) => number);

/** What an optimiser remembers. */
export interface OptimiserState {
  /**
   * Updates that the slots have seen, for bias correction. Not the run's step: training that starts from another run's
   * weights with fresh slots counts from 0 while schedules go on.
   */
  readonly count: number;
  /** Tensors under names such as "m/embedding.weight", each of its parameter's shape. */
  readonly slots: ReadonlyMap<string, Tensor>;
}

/** What an optimiser is, for tables and figures; it computes with the same numbers. */
export interface OptimiserSettings {
  /** "AdamW", "SGD". */
  readonly name: string;
  readonly learningRate: Schedule;
  /** Every other number that it has, by the name of its option: beta1, momentum, weightDecay, clipNorm. */
  readonly constants: Readonly<Record<string, number>>;
}

/**
 * A pair of pure functions, composed by wrapping (as in optax): `clipByGlobalNorm(1, adamw({...}))`.
 * `update` makes new tensors and disposes none; the training loop disposes the old parameters, slots and gradients. `inPlace`
 * allows it to write over parameters and slots, which then share memory with nothing else: where it does, it returns the same tensors.
 * Schedules see the run's `step` (from 0), bias correction the state's own `count`: both in `scalars` alone, so that an update
 * is the same operations on the same shapes every time (which is what recording a step needs).
 */
export interface Optimiser {
  readonly settings: OptimiserSettings;
  init(parameters: Parameters): OptimiserState;
  /** The numbers of the update that follows `step` updates of the run and `count` of the state; always as many. */
  scalars(step: number, count: number): readonly number[];
  update(
    gradients: Parameters,
    state: OptimiserState,
    parameters: Parameters,
    scalars: Scalars,
    inPlace?: boolean,
  ): { readonly parameters: Parameters; readonly state: OptimiserState };
}

/** The update that follows `step` updates of a run. */
export function updateAt(
  optimiser: Optimiser,
  gradients: Parameters,
  state: OptimiserState,
  parameters: Parameters,
  step: number,
): ReturnType<Optimiser["update"]> {
  const scalars = new Scalars(optimiser.scalars(step, state.count));
  try {
    return optimiser.update(gradients, state, parameters, scalars);
  } finally {
    scalars.dispose();
  }
}

/**
 * What a wrapper makes of its inner optimiser's parameters: those for which `make` gives something else, which takes their
 * place, and the others as they are.
 * @param given the parameters before the update: they are the caller's, and not disposed
 */
export function replaced(
  updated: Parameters,
  given: Parameters,
  make: (tensor: Tensor, name: string) => Tensor | undefined,
): Parameters {
  return mapParameters(updated, (tensor, name) => {
    const next = make(tensor, name);
    if (next && tensor !== given.get(name)) tensor.dispose();
    return next ?? tensor;
  });
}

/** The value of a schedule at a step. */
export function at(schedule: Schedule, step: number): number {
  return typeof schedule === "number" ? schedule : schedule(step);
}
