import * as tf from "@tensorflow/tfjs";
import type { Model, Parameters } from "../nn/model.js";
import type { Optimiser, OptimiserState } from "../optim/optimiser.js";
import { Scalars } from "../optim/scalars.js";

/** Everything that training changes. Tensors; `disposeState` frees them. */
export interface TrainingState {
  readonly parameters: Parameters;
  readonly buffers: Parameters;
  readonly optimiser: OptimiserState;
}

/** Frees the tensors of a state, but those that `kept` also holds. */
export function disposeState(state: TrainingState, kept?: TrainingState): void {
  const survivors = new Set(kept ? tensorsOf(kept) : []);
  for (const tensor of tensorsOf(state)) if (!survivors.has(tensor)) tensor.dispose();
}

function tensorsOf({ parameters, buffers, optimiser }: TrainingState): tf.Tensor[] {
  return [...parameters.values(), ...buffers.values(), ...optimiser.slots.values()];
}

/** A loss, its gradient with respect to every parameter, and the buffers after the forward pass. */
export interface Gradients {
  readonly loss: tf.Scalar;
  readonly gradients: Parameters;
  readonly buffers: Parameters;
}

/** Loss and gradients of one batch. Makes new tensors; unchanged buffers are passed through as they are. */
export function gradientsOf<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  buffers: Parameters,
  batch: Batch,
): Gradients {
  const names = [...parameters.keys()];
  let changed: Parameters | undefined;
  const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
    const forward = model.loss(new Map(names.map((name, i) => [name, tensors[i]])), buffers, batch);
    changed = forward.buffers;
    changed?.forEach((tensor) => tf.keep(tensor)); // they outlive the scope that valueAndGrads closes
    return forward.loss;
  })([...parameters.values()]);
  return {
    loss: value as tf.Scalar,
    gradients: new Map(names.map((name, i) => [name, grads[i]])),
    buffers: changed
      ? new Map([...buffers].map(([name, old]) => [name, changed?.get(name) ?? old]))
      : buffers,
  };
}

/**
 * One optimiser step over one or more batches, whose gradients are averaged with equal weight.
 * The old state is left as it is; the caller disposes it, and the returned loss (mean over the batches).
 * @param step updates that the run made before this one: what schedules go by
 */
export function trainStep<Batch>(
  model: Model<Batch>,
  optimiser: Optimiser,
  state: TrainingState,
  batches: readonly Batch[],
  step: number,
): { readonly state: TrainingState; readonly loss: tf.Scalar } {
  const scalars = new Scalars(optimiser.scalars(step, state.optimiser.count));
  try {
    return updateStep(model, optimiser, state, batches, scalars);
  } finally {
    scalars.dispose();
  }
}

/**
 * `trainStep` with the optimiser's numbers of this update: the same operations on the same shapes at every step.
 * @param inPlace whether parameters and slots may be written over (see `Optimiser`)
 */
export function updateStep<Batch>(
  model: Model<Batch>,
  optimiser: Optimiser,
  state: TrainingState,
  batches: readonly Batch[],
  scalars: Scalars,
  inPlace = false,
): { readonly state: TrainingState; readonly loss: tf.Scalar } {
  let total = gradientsOf(model, state.parameters, state.buffers, batches[0]);
  for (const batch of batches.slice(1)) {
    const next = gradientsOf(model, state.parameters, total.buffers, batch);
    const sum = addGradients(total, next);
    disposeGradients(total, next.buffers, state.buffers);
    disposeGradients(next, next.buffers, state.buffers);
    total = sum;
  }
  if (batches.length > 1) {
    const mean = scaleGradients(total, 1 / batches.length);
    disposeGradients(total, total.buffers, state.buffers);
    total = mean;
  }
  const updated = keepMaps(() =>
    optimiser.update(total.gradients, state.optimiser, state.parameters, scalars, inPlace),
  );
  total.gradients.forEach((tensor) => tensor.dispose());
  return {
    state: { parameters: updated.parameters, buffers: total.buffers, optimiser: updated.state },
    loss: total.loss,
  };
}

function addGradients(a: Gradients, b: Gradients): Gradients {
  return {
    loss: tf.add(a.loss, b.loss),
    gradients: new Map(
      [...a.gradients].map(([name, gradient]) => [name, tf.add(gradient, b.gradients.get(name)!)]),
    ),
    buffers: b.buffers,
  };
}

function scaleGradients(a: Gradients, factor: number): Gradients {
  return {
    loss: tf.tidy(() => tf.mul(a.loss, factor)),
    gradients: new Map(
      [...a.gradients].map(([name, gradient]) => [name, tf.tidy(() => tf.mul(gradient, factor))]),
    ),
    buffers: a.buffers,
  };
}

/** Frees loss and gradients, and the buffers that neither `next` nor the state before the step (`base`) still holds. */
function disposeGradients(old: Gradients, next: Parameters, base: Parameters): void {
  old.loss.dispose();
  old.gradients.forEach((tensor) => tensor.dispose());
  const survivors = new Set([...next.values(), ...base.values()]);
  old.buffers.forEach((tensor) => survivors.has(tensor) || tensor.dispose());
}

/** An optimiser's update inside a tidy, which sees tensors in arrays and objects but not in maps. */
function keepMaps(update: () => ReturnType<Optimiser["update"]>): ReturnType<Optimiser["update"]> {
  let result!: ReturnType<Optimiser["update"]>;
  tf.tidy(() => {
    result = update();
    result.parameters.forEach((tensor) => tf.keep(tensor));
    result.state.slots.forEach((tensor) => tf.keep(tensor));
  });
  return result;
}
