import * as tf from "@tensorflow/tfjs";
import type { Recorder, Recording } from "../backend/recording.js";
import { mapParameters } from "../nn/parameters.js";
import type { Model, Parameters } from "../nn/model.js";
import type { Optimiser } from "../optim/optimiser.js";
import { Scalars } from "../optim/scalars.js";
import { disposeState, type TrainingState, updateStep } from "./step.js";
import { ComposedStepper, type Stepper } from "./stepper.js";

/** Kinds of batches (by shapes) whose steps are recorded; those of further kinds are composed. */
const KINDS = 4;

/** Batches of one kind: where their content is written, and what a step with them does once it is known. */
interface Kind<Batch> {
  readonly home: readonly Batch[];
  /** The batches that `home` holds. */
  held?: readonly Batch[];
  /** Steps made so far, up to the first replay. */
  seen: number;
  recording?: Recording;
  loss?: tf.Scalar;
  /** Whether a second recording was the same. */
  proven: boolean;
}

/**
 * Records a step on a device and replays it. Parameters, buffers, slots, batches and the optimiser's numbers have memory of
 * their own, which a step reads and, the first three, writes over. The first step of a kind of batch is composed
 * (programs are compiled), the second and third are recorded and compared; from the fourth on the recording is replayed. Where
 * two recordings differ, steps stay composed.
 */
export class RecordedStepper<Batch> implements Stepper<Batch> {
  readonly state: TrainingState;
  readonly #numbers: { readonly tensor: tf.Tensor1D };
  readonly #kinds = new Map<string, Kind<Batch>>();
  #count: number;
  #composed = false;

  constructor(
    readonly model: Model<Batch>,
    readonly optimiser: Optimiser,
    state: TrainingState,
    readonly recorder: Recorder,
    readonly onFallback: (why: string) => void,
  ) {
    const { parameters, buffers, optimiser: memory } = state;
    const own = (tensors: Parameters): Parameters => mapParameters(tensors, (tensor) => recorder.own(tensor));
    const slots = own(memory.slots);
    const stepper = this; // eslint-disable-line @typescript-eslint/no-this-alias
    this.#count = memory.count;
    this.state = {
      parameters: own(parameters),
      buffers: own(buffers),
      optimiser: {
        slots,
        get count() {
          return stepper.#count;
        },
      },
    };
    disposeState(state);
    const numbers = tf.tensor1d([...optimiser.scalars(0, this.#count)], "float32");
    this.#numbers = { tensor: recorder.own(numbers) };
    numbers.dispose();
  }

  step(batches: readonly Batch[], step: number): tf.Scalar {
    const numbers = this.optimiser.scalars(step, this.#count);
    const content = tf.tensor1d([...numbers], "float32");
    this.recorder.assign(this.#numbers.tensor, content);
    content.dispose();
    const kind = this.#composed ? undefined : this.#kindOf(batches);
    const loss = kind ? this.#stepOf(kind, batches, numbers) : this.#update(batches, numbers);
    this.#count++;
    return loss;
  }

  hold(): ReturnType<Stepper<Batch>["hold"]> {
    const copied = (tensors: Parameters): Parameters =>
      mapParameters(tensors, (tensor) => this.recorder.own(tensor));
    return { parameters: copied(this.state.parameters), buffers: copied(this.state.buffers) };
  }

  dispose(): void {
    this.#forget();
    this.#numbers.tensor.dispose();
    disposeState(this.state);
  }

  /** What is known of batches of these shapes; undefined where there are too many kinds already. */
  #kindOf(batches: readonly Batch[]): Kind<Batch> | undefined {
    const key = JSON.stringify(batches.map(signature));
    const known = this.#kinds.get(key);
    if (known) return known;
    if (this.#kinds.size >= KINDS) return undefined;
    const home = batches.map((batch) => mapTensors(batch, (tensor) => this.recorder.own(tensor)));
    const kind: Kind<Batch> = { home, held: batches, seen: 0, proven: false };
    this.#kinds.set(key, kind);
    return kind;
  }

  #stepOf(kind: Kind<Batch>, batches: readonly Batch[], numbers: readonly number[]): tf.Scalar {
    if (kind.held !== batches) this.#fill(kind, batches);
    kind.seen++;
    if (kind.seen === 1) return this.#update(kind.home, numbers);
    if (kind.proven) this.recorder.replay(kind.recording!);
    else this.#record(kind, numbers);
    const loss = kind.loss ? this.recorder.own(kind.loss) : undefined;
    if (this.#composed) this.#forget();
    return loss!;
  }

  #fill(kind: Kind<Batch>, batches: readonly Batch[]): void {
    const [to, from] = [kind.home, batches].map((all) => all.flatMap(tensorsOf));
    to.forEach((tensor, i) => this.recorder.assign(tensor, from[i]));
    kind.held = batches;
  }

  #record(kind: Kind<Batch>, numbers: readonly number[]): void {
    const { recording: before } = kind;
    kind.loss?.dispose(); // so that the second recording finds as many buffers free as the first
    const { result, recording } = this.recorder.record(() => this.#update(kind.home, numbers));
    [kind.recording, kind.loss] = [recording, result];
    if (!before) return;
    const why = this.recorder.difference(before, recording);
    before.dispose();
    kind.proven = why === undefined;
    if (why === undefined) return;
    this.#composed = true;
    this.onFallback(why);
  }

  /** One update, whose results are written where the state lies. */
  #update(batches: readonly Batch[], numbers: readonly number[]): tf.Scalar {
    const scalars = new Scalars(numbers, this.#numbers.tensor.clone());
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

  #forget(): void {
    for (const { home, loss, recording } of this.#kinds.values()) {
      tf.dispose(home.flatMap(tensorsOf));
      loss?.dispose();
      recording?.dispose();
    }
    this.#kinds.clear();
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

/** Shapes and types of a batch's tensors; of what else it holds the content, which a recording would not see change. */
function signature(batch: unknown): unknown {
  return Object.entries(batch as Record<string, unknown>).map(([name, value]) => {
    if (value instanceof tf.Tensor) return [name, value.dtype, value.shape];
    return [name, ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value];
  });
}

function tensorsOf(batch: unknown): tf.Tensor[] {
  return Object.values(batch as Record<string, unknown>).filter((value) => value instanceof tf.Tensor);
}

function mapTensors<Batch>(batch: Batch, map: (tensor: tf.Tensor) => tf.Tensor): Batch {
  const entries = Object.entries(batch as Record<string, unknown>);
  const mapped = entries.map(([name, value]) => [name, value instanceof tf.Tensor ? map(value) : value]);
  return Object.fromEntries(mapped) as Batch;
}
