import type * as tf from "@tensorflow/tfjs";
import type { Model, Parameters } from "../nn/model.js";
import type { Optimiser } from "../optim/optimiser.js";
import { disposeState, type TrainingState, trainStep } from "./step.js";

/** Makes the updates of a run, one after the other. Owns the state; `dispose` frees it. */
export interface Stepper<Batch> {
  /** The state now. Its tensors are the stepper's, and may change with the next step. */
  readonly state: TrainingState;
  /** Makes the update that follows `step` updates. The loss is the caller's. */
  step(batches: readonly Batch[], step: number): tf.Scalar;
  /** The weights as they are now, in tensors that later steps leave alone. The caller disposes them. */
  hold(): { readonly parameters: Parameters; readonly buffers: Parameters };
  dispose(): void;
}

/** Every step from the operations of TensorFlow.js; each makes a new state. */
export class ComposedStepper<Batch> implements Stepper<Batch> {
  constructor(
    readonly model: Model<Batch>,
    readonly optimiser: Optimiser,
    public state: TrainingState,
  ) {}

  step(batches: readonly Batch[], step: number): tf.Scalar {
    const next = trainStep(this.model, this.optimiser, this.state, batches, step);
    disposeState(this.state, next.state);
    this.state = next.state;
    return next.loss;
  }

  hold(): ReturnType<Stepper<Batch>["hold"]> {
    const cloned = (tensors: Parameters): Parameters =>
      new Map([...tensors].map(([name, tensor]) => [name, tensor.clone()]));
    return { parameters: cloned(this.state.parameters), buffers: cloned(this.state.buffers) };
  }

  dispose(): void {
    disposeState(this.state);
  }
}
