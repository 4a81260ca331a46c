import type { Tensor } from "@tensorflow/tfjs";
import * as tf from "@tensorflow/tfjs";
import type { NamedArrays } from "../core/array.js";
import { type Decomposed, type Half, halfNeeds, halved } from "../nn/halves.js";
import { interpolate } from "../nn/interpolate.js";
import type { MatrixView, Model, Parameters } from "../nn/model.js";
import { disposeParameters, toTensors } from "../nn/parameters.js";
import type { StateDict } from "../nn/state-dict.js";
import { hiddenMatrices, matrixOf } from "../nn/views.js";
import type { Decomposer } from "../train/measure.js";

/** A network's state on the device; whoever made it disposes it. */
export interface Network {
  readonly parameters: Parameters;
  readonly buffers: Parameters;
}

/** What moves along a line from one network to another. */
export type LineChoice = {
  /** Of the hidden matrices: whole matrices, or one half of their singular triplets while the other stays that of the start. */
  readonly components: "all" | Half;
  /** The last layer's matrices, vectors and buffers: whether they move too, or stay those of the start. */
  readonly rest: "moves" | "fixed";
};

/** A straight line between two networks, on the device until it is disposed of. */
export interface Line {
  /**
   * The network at alpha in [0, 1]: the start's state bit for bit at 0, and at 1 the end's where all of it moves. New
   * tensors, the caller's to dispose.
   */
  at(alpha: number): Network;
  dispose(): void;
}

/**
 * The line (1 - alpha) A + alpha B through the whole state, buffers too (PAPER.md section 2, "Barriers"). With components
 * "top", a hidden matrix is (1 - alpha) top(A) + alpha top(B) + bottom(A); with "bottom" the other way round: again a line, to
 * an end that is put together once. Both ends are uploaded once.
 * @param ends states of this model
 * @param engine decomposes the hidden matrices of both ends, if not all components move
 * @throws SpectrumError if a matrix that is decomposed holds a NaN or an infinity; then no tensor is left
 */
export async function openLine(
  model: Pick<Model<never>, "matrices" | "outputLayer">,
  [from, to]: readonly [StateDict, StateDict],
  { components, rest }: LineChoice,
  engine: Decomposer,
): Promise<Line> {
  const hidden = new Set(hiddenMatrices(model).map(({ parameter }) => parameter));
  const moves = (name: string): boolean => (hidden.has(name) ? components === "all" : rest === "moves");
  const start = { parameters: toTensors(from.parameters), buffers: toTensors(from.buffers) };
  const end = {
    parameters: toTensors(new Map([...to.parameters].filter(([name]) => moves(name)))),
    buffers: toTensors(rest === "moves" ? to.buffers : new Map()),
  };
  const all = [start.parameters, start.buffers, end.parameters, end.buffers];
  try {
    if (components !== "all") {
      const spliced = await splicedMatrices(model, [from, to], components, engine);
      spliced.forEach((tensor, name) => end.parameters.set(name, tensor));
    }
  } catch (error) {
    all.forEach(disposeParameters);
    throw error;
  }
  return {
    at: (alpha) => ({
      parameters: interpolate(start.parameters, end.parameters, alpha),
      buffers: interpolate(start.buffers, end.buffers, alpha),
    }),
    dispose: () => all.forEach(disposeParameters),
  };
}

/** The hidden matrices of one network with one half of their triplets replaced by that of another. */
async function splicedMatrices(
  model: Pick<Model<never>, "matrices" | "outputLayer">,
  [from, to]: readonly [StateDict, StateDict],
  half: Half,
  engine: Decomposer,
): Promise<Map<string, Tensor>> {
  const kept = await halfOf(model, from.parameters, half === "top" ? "bottom" : "top", engine);
  try {
    const other = await halfOf(model, to.parameters, half, engine);
    try {
      return new Map([...kept].map(([name, tensor]) => [name, tf.add(tensor, other.get(name)!)]));
    } finally {
      disposeParameters(other);
    }
  } finally {
    disposeParameters(kept);
  }
}

/** One half of every hidden matrix, by parameter. */
async function halfOf(
  model: Pick<Model<never>, "matrices" | "outputLayer">,
  weights: NamedArrays,
  half: Half,
  engine: Decomposer,
): Promise<Parameters> {
  const parameters = hiddenMatrices(model).map(({ parameter }) => parameter);
  const whole = toTensors(new Map(parameters.map((name) => [name, weights.get(name)!])));
  try {
    return await halved(model, whole, half, (view) => decomposed(view, weights, engine));
  } finally {
    disposeParameters(whole);
  }
}

/** A hidden matrix and what tells its halves apart. */
export async function decomposed(
  view: MatrixView,
  weights: NamedArrays,
  engine: Decomposer,
): Promise<Decomposed> {
  const matrix = matrixOf(view, weights);
  const { left, right } = halfNeeds(view);
  return { matrix, svd: await engine.svd(matrix, { left, right, name: view.name }) };
}
