import * as tf from "@tensorflow/tfjs";
import { float32, sizeOf, type NamedArrays } from "spectral-lab/core/array";
import { mlp } from "spectral-lab/models/mlp";
import { transformer } from "spectral-lab/models/transformer";
import { vgg } from "spectral-lab/models/vgg";
import type { Model } from "spectral-lab/nn/model";
import type { Examples } from "spectral-lab/train/examples";
import { type Draws, draws } from "../draws.js";
import { channelsLast } from "../recipes.js";
import type { AnalysedName } from "./file.js";

/** What the analyses of a model are made from, all by the formula. */
export interface AnalysisInputs {
  readonly name: AnalysedName;
  readonly model: Model<unknown>;
  /** A network, and one near it. */
  readonly A: NamedArrays;
  readonly near: NamedArrays;
  /** Another network. */
  readonly far: NamedArrays;
  /** Where masked training starts. */
  readonly rewound: NamedArrays;
  /** Perturbation of each parameter, before it is scaled. */
  readonly noise: NamedArrays;
  /** The network whose magnitudes rank the weights. */
  readonly ranked: NamedArrays;
  /** One per hidden layer; none but for the mlp. */
  readonly permutations: readonly Int32Array[];
  /** 64 labelled images; the transformer's 6 rows of tokens. */
  readonly training: Examples<unknown>;
  /** 44 labelled images with their own labels or those given; the transformer's tokens. */
  evaluation(labels?: readonly number[]): Examples<unknown>;
  readonly host: HostData;
}

/** The data as they are drawn. */
export type HostData =
  | { readonly training: LabelledImages; readonly evaluation: LabelledImages }
  | { readonly tokens: Int32Array };

export interface LabelledImages {
  /** [n, 3, 32, 32]. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
}

/** How a model is made: its number among the models' bases, the gain of its weights, its factor on ranked matrices. */
interface Recipe {
  readonly offset: number;
  readonly gain: number;
  /** The factor c of the m-th ranked matrix. */
  ranked(m: number): number;
  model(): Model<never>;
}

const nearlyEqual = (m: number): number => 1 + 0.05 * (m % 3);

const RECIPES: Readonly<Record<AnalysedName, Recipe>> = {
  vgg: { offset: 20, gain: 1, ranked: (m) => 1 + 2 / (1 + m), model: () => vgg({ depth: 16, width: 1 / 8 }) },
  mlp: { offset: 30, gain: 2.5, ranked: nearlyEqual, model: () => mlp({ inputs: IMAGE, hidden: HIDDEN }) },
  transformer: {
    offset: 60,
    gain: 1.5,
    ranked: nearlyEqual,
    model: () => transformer({ vocabulary: VOCABULARY, width: 64, hidden: 64, layers: 2, heads: 4 }),
  },
};

const IMAGE = 3 * 32 * 32;
const HIDDEN = 64;
const VOCABULARY = 101;
const [ROWS, LENGTH] = [6, 34];

/** Draws the inputs of a model of the file with this seed. */
export function analysisInputs(name: AnalysedName, seed: number): AnalysisInputs {
  const { offset, gain, ranked, model: build } = RECIPES[name];
  const model = build() as unknown as Model<unknown>; // its batches are made here
  const like = model.init(0); // names, shapes and order
  const group = (number: number): Draws => draws(seed + offset + number);
  const A = weightsOf(like, group(0), gain, 1);
  const D = weightsOf(like, group(100), gain, 0);
  const host = hostData(name, group(500));
  const examplesOf = (labels?: readonly number[]): Examples<unknown> =>
    "tokens" in host
      ? textExamples(host.tokens)
      : imageExamples({ ...host.evaluation, ...(labels && { labels: Int32Array.from(labels) }) });
  return {
    name,
    model,
    A,
    near: mapArrays(A, (value, parameter, i) => value + 0.5 * (D.get(parameter)!.data as Float32Array)[i]),
    far: weightsOf(like, group(200), gain, 1),
    rewound: weightsOf(like, group(300), gain, 1),
    noise: drawn(like, group(400), () => 1),
    ranked: rankedOf(like, group(600), ranked),
    permutations: name === "mlp" ? permutationsOf(group(700)) : [],
    training: "tokens" in host ? textExamples(host.tokens) : imageExamples(host.training),
    evaluation: examplesOf,
    host,
  };
}

/** One draw per parameter, in their order. */
function drawn(like: NamedArrays, from: Draws, scaleOf: (shape: readonly number[]) => number): NamedArrays {
  return new Map(
    [...like].map(([name, { shape }]) => [name, float32(shape, from.uniform(sizeOf(shape), scaleOf(shape)))]),
  );
}

/** Weights of the size of an initialisation, times `gain`; `offset` is added to the scales of norms. */
function weightsOf(like: NamedArrays, from: Draws, gain: number, offset: number): NamedArrays {
  const scaleOf = (shape: readonly number[]): number =>
    shape.length >= 2 ? gain / Math.sqrt(sizeOf(shape) / shape[0]) : 0.1;
  const isScale = (name: string): boolean => like.get(name)!.shape.length === 1 && name.endsWith("weight");
  return mapArrays(drawn(like, from, scaleOf), (value, name) => (isScale(name) ? value + offset : value));
}

/** Weights of few large magnitudes: cubes of uniform numbers, a factor per matrix. */
function rankedOf(like: NamedArrays, from: Draws, factor: (m: number) => number): NamedArrays {
  const matrices = [...like].filter(([, { shape }]) => shape.length >= 2).map(([name]) => name);
  return mapArrays(
    drawn(like, from, () => 1),
    (value, name) => {
      const m = matrices.indexOf(name);
      return m < 0 ? value : factor(m) * value * value * value;
    },
  );
}

function permutationsOf(from: Draws): Int32Array[] {
  return [0, 1, 2].map(() => from.permutation(HIDDEN));
}

function mapArrays(
  arrays: NamedArrays,
  change: (value: number, name: string, index: number) => number,
): NamedArrays {
  return new Map(
    [...arrays].map(([name, { shape, data }]) => {
      const changed = Float32Array.from(data as Float32Array, (value, i) => change(value, name, i));
      return [name, float32(shape, changed)];
    }),
  );
}

function hostData(name: AnalysedName, from: Draws): HostData {
  if (name === "transformer") return { tokens: from.integers(ROWS * LENGTH, VOCABULARY) };
  const images = (count: number): LabelledImages => ({
    images: from.uniform(count * IMAGE, 2),
    labels: from.integers(count, 10),
  });
  return { training: images(64), evaluation: images(44) };
}

function imageExamples({ images, labels }: LabelledImages): Examples<unknown> {
  return {
    count: labels.length,
    fixed: true,
    batch(indices) {
      const chosen = new Float32Array(indices.length * IMAGE);
      indices.forEach((index, i) =>
        chosen.set(images.subarray(index * IMAGE, (index + 1) * IMAGE), i * IMAGE),
      );
      return {
        images: channelsLast(chosen, [indices.length, 3, 32, 32]),
        labels: tf.tensor1d(
          Int32Array.from(indices, (index) => labels[index]),
          "int32",
        ),
      };
    },
  };
}

function textExamples(tokens: Int32Array): Examples<unknown> {
  return {
    count: ROWS,
    fixed: true,
    batch(indices) {
      const rows = Array.from(indices, (row) =>
        Array.from(tokens.subarray(row * LENGTH, (row + 1) * LENGTH)),
      );
      return { tokens: tf.tensor2d(rows, [indices.length, LENGTH], "int32") };
    },
  };
}
