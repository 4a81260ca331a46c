import type { NamedArrays } from "../core/array.js";
import { float32, sizeOf } from "../core/array.js";
import { randomStream, type Random } from "../core/random.js";

/** How one element of a parameter is drawn. */
export type Fill = (random: Random) => number;

/** A parameter as a layer declares it: name, shape (PyTorch's layout) and first values. */
export interface Spec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly fill: Fill;
}

/** Uniform in [-bound, bound). */
export const uniform =
  (bound: number): Fill =>
  (random) =>
    random.uniform(-bound, bound);

/** Normal with mean 0. */
export const normal =
  (std: number): Fill =>
  (random) =>
    random.normal(0, std);

export const constant =
  (value: number): Fill =>
  () =>
    value;

/** PyTorch's default for linear layers and convolutions, weights and biases: uniform in +-1/sqrt(inputs of one output). */
export const fanIn = (inputs: number): Fill => uniform(1 / Math.sqrt(inputs));

/** Glorot and Bengio's uniform initialiser: bound sqrt(6 / (inputs + outputs)). */
export const xavier = (inputs: number, outputs: number): Fill => uniform(Math.sqrt(6 / (inputs + outputs)));

/** First values of all parameters; each is drawn from the stream `init/<name>` of the seed, so a function of both alone. */
export function initialise(specs: readonly Spec[], seed: number): NamedArrays {
  return new Map(
    specs.map(({ name, shape, fill }) => {
      const random = randomStream(seed, `init/${name}`);
      return [
        name,
        float32(
          shape,
          Float32Array.from({ length: sizeOf(shape) }, () => fill(random)),
        ),
      ];
    }),
  );
}

/** The shapes of parameters by name. */
export function shapesOf(specs: readonly Spec[]): ReadonlyMap<string, readonly number[]> {
  return new Map(specs.map(({ name, shape }) => [name, shape]));
}
