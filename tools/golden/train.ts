import { readScalar } from "spectral-lab/backend/read";
import { float32, sizeOf, type NamedArrays } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import type { Metrics, Parameters } from "spectral-lab/nn/model";
import { disposeParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";
import { globalNorm } from "spectral-lab/optim/clip";
import { disposeState, gradientsOf, trainStep, type TrainingState } from "spectral-lab/train/step";
import { draws as drawsOf, type Draws } from "./draws.js";
import type { GoldenModel } from "./file.js";
import type { Recipe } from "./recipes.js";
import { evaluateBatch } from "spectral-lab/train/evaluate";

const STEPS = 3;

/** What three optimiser steps made of a model of a reference file. */
export interface Trained {
  /** Before each step and after the last. */
  readonly losses: readonly number[];
  /** At step 0, by parameter. */
  readonly gradientNorms: ReadonlyMap<string, number>;
  /** At each step. */
  readonly globalNorms: readonly number[];
  readonly first: NamedArrays;
  readonly last: NamedArrays;
  /** After the forward pass of the last loss, which moves running statistics as those of the steps do. */
  readonly buffers: NamedArrays;
  /** Evaluation-mode metrics of the batch with the last weights and buffers. */
  readonly evaluation: Metrics;
}

/**
 * Rebuilds a model of a reference file from the formula and trains it on its one batch.
 * @param rounding if given, the starting weights are changed by up to a unit in the last place, at random by this seed
 */
export async function trainGolden(
  golden: GoldenModel,
  recipe: Recipe,
  seed: number,
  rounding?: number,
): Promise<Trained> {
  const { base, model, optimiser } = recipe;
  const draws = drawsOf(seed + base);
  const { trained, fixed } = drawParameters(golden, draws);
  const first = rounding === undefined ? trained : rounded(trained, rounding);
  const batch = recipe.batch(draws);
  const parameters = toTensors(first);
  const buffers = toTensors(new Map([...model.initBuffers(0), ...fixed]));
  let state: TrainingState = { parameters, buffers, optimiser: optimiser.init(parameters) };
  const [losses, globalNorms]: number[][] = [[], []];
  let gradientNorms = new Map<string, number>();
  for (let step = 0; step < STEPS; step++) {
    const { gradients } = gradientsOf(model, state.parameters, state.buffers, batch);
    if (step === 0) gradientNorms = await normsOf(gradients);
    globalNorms.push(await readScalar(globalNorm(gradients)));
    disposeParameters(gradients);
    const next = trainStep(model, optimiser, state, [batch], step);
    losses.push(await readScalar(next.loss));
    disposeState(state, next.state);
    state = next.state;
  }
  const final = gradientsOf(model, state.parameters, state.buffers, batch);
  losses.push(await readScalar(final.loss));
  return {
    losses,
    gradientNorms,
    globalNorms,
    first,
    last: await toArrays(state.parameters),
    buffers: await toArrays(final.buffers),
    evaluation: await evaluateBatch(model, state.parameters, final.buffers, batch),
  };
}

/** Draws the file's parameters in its order; those that are not trained are buffers here. */
function drawParameters(golden: GoldenModel, draws: Draws): { trained: NamedArrays; fixed: NamedArrays } {
  const [trained, fixed] = [new Map(), new Map()];
  for (const { name, shape, trainable, offset } of golden.parameters) {
    const size = sizeOf(shape);
    const scale = !trainable ? 3 : shape.length >= 2 ? 1 / Math.sqrt(size / shape[0]) : 0.1;
    const data = draws.uniform(size, scale);
    const usual = trainable && shape.length === 1 && name.endsWith("weight") ? 1 : 0;
    (trainable ? trained : fixed).set(
      name,
      float32(
        shape,
        data.map((x) => x + (offset ?? usual)),
      ),
    );
  }
  return { trained, fixed };
}

/** Float32 holds 24 binary digits: a unit in the last place is at most 2^-23 of the number. */
function rounded(arrays: NamedArrays, seed: number): NamedArrays {
  const random = randomStream(seed, "golden/rounding");
  const change = (x: number): number => x * (1 + random.uniform(-1, 1) * 2 ** -23);
  return new Map(
    [...arrays].map(([name, { shape, data }]) => [
      name,
      float32(shape, Float32Array.from(data as Float32Array, change)),
    ]),
  );
}

async function normsOf(tensors: Parameters): Promise<Map<string, number>> {
  const arrays = await toArrays(tensors);
  return new Map([...arrays].map(([name, { data }]) => [name, normOf(data as Float32Array)]));
}

/** The Euclidean norm, in float64. */
export function normOf(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i] ** 2;
  return Math.sqrt(sum);
}
