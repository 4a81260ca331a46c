import type * as tf from "@tensorflow/tfjs";
import { chosenBackend } from "../backend/chosen.js";
import type { Recorder } from "../backend/recording.js";
import type { Metrics, Model, Parameters } from "../nn/model.js";
import { disposeParameters, mapParameters } from "../nn/parameters.js";
import { evaluate, type Evaluating } from "./evaluate.js";
import type { Examples } from "./examples.js";
import { Recorded } from "./recorded.js";

/** Evaluates one model again and again, with other weights and on other data: where the device records, by replaying. */
export class Evaluator<Batch> {
  #home: { readonly parameters: Parameters; readonly buffers: Parameters } | undefined;
  #recorded: Recorded<Batch> | undefined;
  /** The evaluation before: they take turns, because all use the same memory. */
  #before: Promise<unknown> = Promise.resolve();

  /** @param onFallback told once why evaluations are composed though the backend records */
  constructor(
    readonly model: Model<Batch>,
    readonly onFallback: (why: string) => void = () => undefined,
    readonly recorder: Recorder | undefined = chosenBackend()?.recorder,
  ) {}

  /** Metrics over a data set; see `evaluate`. The tensors given stay as they are. */
  evaluate(
    parameters: Parameters,
    buffers: Parameters,
    examples: Examples<Batch>,
    options: Evaluating,
  ): Promise<Metrics> {
    const { recorder } = this;
    if (!recorder) return evaluate(this.model, parameters, buffers, examples, options);
    const result = this.#before.then(() => this.#replayed(recorder, parameters, buffers, examples, options));
    this.#before = result.catch(() => undefined);
    return result;
  }

  /** Frees what evaluations left for the next. None may be under way. */
  dispose(): void {
    this.#recorded?.dispose();
    if (!this.#home) return;
    disposeParameters(this.#home.parameters);
    disposeParameters(this.#home.buffers);
    this.#home = undefined;
  }

  #replayed(
    recorder: Recorder,
    parameters: Parameters,
    buffers: Parameters,
    examples: Examples<Batch>,
    options: Evaluating,
  ): Promise<Metrics> {
    if (this.#home) {
      const { parameters: ownParameters, buffers: ownBuffers } = this.#home;
      recorder.assignAll([...pairs(ownParameters, parameters), ...pairs(ownBuffers, buffers)]);
    } else {
      const owned = (tensors: Parameters): Parameters =>
        mapParameters(tensors, (tensor) => recorder.own(tensor));
      this.#home = { parameters: owned(parameters), buffers: owned(buffers) };
    }
    const home = this.#home;
    const { model } = this;
    this.#recorded ??= new Recorded(
      recorder,
      ([batch]) => model.evaluate(home.parameters, home.buffers, batch),
      this.onFallback,
    );
    const recorded = this.#recorded;
    return evaluate(model, home.parameters, home.buffers, examples, options, (batch) =>
      recorded.run([batch]),
    );
  }
}

function pairs(to: Parameters, from: Parameters): [tf.Tensor, tf.Tensor][] {
  return [...to].map(([name, tensor]) => [tensor, from.get(name)!]);
}
