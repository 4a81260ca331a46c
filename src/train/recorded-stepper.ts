import * as tf from "@tensorflow/tfjs";
import type { Recorder, Recording } from "../backend/recording.js";
import { mapParameters } from "../nn/parameters.js";
import type { Model, Parameters } from "../nn/model.js";
import type { Optimiser } from "../optim/optimiser.js";
import { Scalars } from "../optim/scalars.js";
import { Recorded } from "./recorded.js";
import { disposeState, type TrainingState, updateStep } from "./step.js";
import { ComposedStepper, type Stepper } from "./stepper.js";

/**
 * Replays steps that were recorded (see `Recorded`). Parameters, buffers, slots and the optimiser's numbers have memory of
 * their own, which a step reads and, the first three, writes over.
 */
export class RecordedStepper<Batch> implements Stepper<Batch> {
  readonly state: TrainingState;
  readonly #numbers: tf.Tensor1D;
  readonly #recorded: Recorded<Batch>;
  #count: number;

  constructor(
    readonly model: Model<Batch>,
    readonly optimiser: Optimiser,
    state: TrainingState,
    readonly recorder: Recorder,
    onFallback: (why: string) => void,
  ) {
    const { parameters, buffers, optimiser: memory } = state;
    const slots = this.#owned(memory.slots);
    const count = (): number => this.#count;
    this.#count = memory.count;
    this.state = {
      parameters: this.#owned(parameters),
      buffers: this.#owned(buffers),
      optimiser: {
        slots,
        get count() {
          return count();
        },
      },
    };
    disposeState(state);
    const numbers = tf.tensor1d(this.#numbersAt(0), "float32");
    this.#numbers = recorder.own(numbers);
    numbers.dispose();
    this.#recorded = new Recorded(recorder, (batches) => [this.#update(batches)], onFallback);
  }

  step(batches: readonly Batch[], step: number): tf.Scalar {
    this.#values = this.#numbersAt(step);
    const content = tf.tensor1d(this.#values, "float32");
    this.recorder.assign(this.#numbers, content);
    content.dispose();
    const [loss] = this.#recorded.run(batches);
    this.#count++;
    return loss as tf.Scalar;
  }

  hold(): ReturnType<Stepper<Batch>["hold"]> {
    return { parameters: this.#owned(this.state.parameters), buffers: this.#owned(this.state.buffers) };
  }

  /** What is replayed; undefined while steps are composed. */
  get recording(): Recording | undefined {
    return this.#recorded.recording;
  }

  dispose(): void {
    this.#recorded.dispose();
    this.#numbers.dispose();
    disposeState(this.state);
  }

  /** The optimiser's numbers of the update under way, on the host. */
  #values: number[] = [];

  #numbersAt(step: number): number[] {
    return [...this.optimiser.scalars(step, this.#count)];
  }

  #owned(tensors: Parameters): Parameters {
    return mapParameters(tensors, (tensor) => this.recorder.own(tensor));
  }

  /** One update, whose results are written where the state lies. */
  #update(batches: readonly Batch[]): tf.Scalar {
    const scalars = new Scalars(this.#values, this.#numbers.clone());
    const { state, model, optimiser } = this;
    const { state: next, loss } = updateStep(model, optimiser, state, batches, scalars, true);
    scalars.dispose();
    const pairs = [
      ...changed(state.parameters, next.parameters),
      ...changed(state.buffers, next.buffers),
      ...changed(state.optimiser.slots, next.optimiser.slots),
    ];
    if (pairs.length > 0) this.recorder.assignAll(pairs);
    disposeState(next, state);
    return loss;
  }
}

/**
 * The stepper of a backend: steps are recorded and replayed where it can (`Recorder`), else composed of TensorFlow.js
 * operations. Takes over the state.
 * @param onFallback told once why steps are composed though the backend records
 */
export function stepperOf<Batch>(
  model: Model<Batch>,
  optimiser: Optimiser,
  state: TrainingState,
  recorder: Recorder | undefined,
  onFallback: (why: string) => void,
): Stepper<Batch> {
  if (recorder) return new RecordedStepper(model, optimiser, state, recorder, onFallback);
  return new ComposedStepper(model, optimiser, state);
}

/** The tensors of `home` in whose place there are others, with those. */
function changed(home: Parameters, next: Parameters): [tf.Tensor, tf.Tensor][] {
  return [...home].flatMap(([name, tensor]) => {
    const result = next.get(name)!;
    return result === tensor ? [] : [[tensor, result] as [tf.Tensor, tf.Tensor]];
  });
}
