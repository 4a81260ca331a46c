import type * as tf from "@tensorflow/tfjs";
import { chosenBackend } from "../backend/chosen.js";
import type { Recorder } from "../backend/recording.js";
import type { Metrics, Model, Parameters } from "../nn/model.js";
import { disposeParameters, mapParameters } from "../nn/parameters.js";
import { evaluate, type Evaluating, type EvaluationOptions } from "./evaluate.js";
import type { Examples } from "./examples.js";
import { packedStatistics, recalibrate } from "./recalibrate.js";
import { Recorded } from "./recorded.js";

/** Evaluates one model again and again, with other weights and on other data: where the device records, by replaying. */
export class Evaluator<Batch> {
  #home: Home<Batch> | undefined;
  /** What was begun before: all take turns, because they use the same memory. */
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
    return this.#inTurn(parameters, buffers, (home) =>
      evaluate(
        this.model,
        parameters,
        buffers,
        examples,
        options,
        home && ((batch) => home.evaluated.run([batch])),
      ),
    );
  }

  /** The buffers that belong to edited weights; see `recalibrate`. */
  recalibrate(
    parameters: Parameters,
    buffers: Parameters,
    training: Examples<Batch>,
    options: EvaluationOptions,
  ): Promise<Parameters> {
    return this.#inTurn(parameters, buffers, (home) =>
      recalibrate(
        this.model,
        parameters,
        buffers,
        training,
        options,
        home && ((batch) => home.statistics.run([batch])[0] as tf.Tensor1D),
      ),
    );
  }

  /** Frees what is left for the next. Nothing may be under way. */
  dispose(): void {
    if (!this.#home) return;
    const { parameters, buffers, evaluated, statistics } = this.#home;
    evaluated.dispose();
    statistics.dispose();
    disposeParameters(parameters);
    disposeParameters(buffers);
    this.#home = undefined;
  }

  /** Does what reads given weights when it is their turn, on copies where that is recorded. */
  #inTurn<T>(
    parameters: Parameters,
    buffers: Parameters,
    action: (home: Home<Batch> | undefined) => Promise<T>,
  ): Promise<T> {
    const { recorder } = this;
    if (!recorder) return action(undefined);
    const result = this.#before.then(() => action(this.#filled(recorder, parameters, buffers)));
    this.#before = result.catch(() => undefined);
    return result;
  }

  #filled(recorder: Recorder, parameters: Parameters, buffers: Parameters): Home<Batch> {
    if (this.#home) {
      const { parameters: ownParameters, buffers: ownBuffers } = this.#home;
      const all = [...pairs(ownParameters, parameters), ...pairs(ownBuffers, buffers)];
      recorder.assignAll(all);
      return this.#home;
    }
    const { model } = this;
    const owned = (tensors: Parameters): Parameters =>
      mapParameters(tensors, (tensor) => recorder.own(tensor));
    const home = { parameters: owned(parameters), buffers: owned(buffers) };
    const recorded = (work: (batch: Batch) => tf.Tensor[]): Recorded<Batch> =>
      new Recorded(recorder, ([batch]) => work(batch), this.onFallback);
    return (this.#home = {
      ...home,
      evaluated: recorded((batch) => model.evaluate(home.parameters, home.buffers, batch)),
      statistics: recorded((batch) => [packedStatistics(model, home.parameters, home.buffers, batch)]),
    });
  }
}

/** Where weights lie that recorded work reads, and that work. */
interface Home<Batch> {
  readonly parameters: Parameters;
  readonly buffers: Parameters;
  readonly evaluated: Recorded<Batch>;
  readonly statistics: Recorded<Batch>;
}

function pairs(to: Parameters, from: Parameters): [tf.Tensor, tf.Tensor][] {
  return [...to].map(([name, tensor]) => [tensor, from.get(name)!]);
}
