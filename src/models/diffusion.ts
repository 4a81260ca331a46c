import * as tf from "@tensorflow/tfjs";
import { read } from "../backend/read.js";
import { DataError } from "../core/errors.js";
import { type Random, randomStream } from "../core/random.js";
import type { Parameters } from "../nn/model.js";

/** Steps from an image to noise. */
export const DIFFUSION_STEPS = 1000;

/**
 * How much noise each step adds (PAPER.md section 2), float64, length 1000 each, index = step t:
 * beta_t = sigmoid(linspace(-6, 6)) (0.005 - 1e-5) + 1e-5; alphaBar_t = product of 1 - beta up to t.
 */
export interface NoiseSchedule {
  readonly beta: Float64Array;
  readonly alphaBar: Float64Array;
}

export function noiseSchedule(): NoiseSchedule {
  const beta = Float64Array.from({ length: DIFFUSION_STEPS }, (_, t) => {
    const x = -6 + (12 * t) / (DIFFUSION_STEPS - 1);
    return (5e-3 - 1e-5) / (1 + Math.exp(-x)) + 1e-5;
  });
  let product = 1;
  return { beta, alphaBar: beta.map((b) => (product *= 1 - b)) };
}

/**
 * Images after `steps` steps of noise: sqrt(alphaBar_t) image + sqrt(1 - alphaBar_t) noise.
 * @param images [n, height, width, channels]
 * @param noise standard normal, of the same shape
 * @param steps int32 [n], each in [0, 1000)
 */
export function addNoise(images: tf.Tensor4D, noise: tf.Tensor4D, steps: tf.Tensor1D): tf.Tensor4D {
  const { alphaBar } = noiseSchedule();
  const at = (table: Float64Array): tf.Tensor4D =>
    tf.reshape(tf.gather(tf.tensor1d(Float32Array.from(table)), steps), [-1, 1, 1, 1]);
  return tf.add(
    tf.mul(images, at(alphaBar.map(Math.sqrt))),
    tf.mul(noise, at(alphaBar.map((a) => Math.sqrt(1 - a)))),
  );
}

/** A network that predicts the noise in noised images [n, 28, 28, 1] after `steps` (int32 [n]). */
export interface Denoiser {
  denoise(parameters: Parameters, buffers: Parameters, noised: tf.Tensor4D, steps: tf.Tensor1D): tf.Tensor4D;
}

export interface SampleOptions {
  /** Images to make. */
  readonly count: number;
  /** Seed of the noise (stream `sample/noise`). */
  readonly seed: number;
  /** Images [count, 28, 28, 1], row-major, that the start is a noised view of; default none, which is pure noise. */
  readonly from?: Float32Array;
  /** How many images on the way are shown, evenly spaced, the last included; default 10. */
  readonly shown?: number;
  readonly signal?: AbortSignal;
}

/**
 * An image drawn from the normal distribution with the mean m and the covariance of n images x_i:
 * m + sum z_i (x_i - m) / sqrt(n), z_i standard normal.
 * @throws DataError if there are no images
 */
export function normalLike(images: readonly Float32Array[], random: Random): Float32Array {
  const n = images.length;
  if (n === 0) throw new DataError("normalLike: expected at least one image, found none");
  const mean = images[0].map((_, pixel) => images.reduce((sum, image) => sum + image[pixel], 0) / n);
  const drawn = mean.slice();
  for (const image of images) {
    const weight = random.normal() / Math.sqrt(n);
    image.forEach((value, pixel) => (drawn[pixel] += weight * (value - mean[pixel])));
  }
  return drawn;
}

/** Images on their way from noise. */
export interface Sampled {
  /** Steps of noise still in them; 0 = finished. */
  readonly step: number;
  /** [count, 28, 28, 1] row-major, in the units of the training images. */
  readonly images: Float32Array;
}

/**
 * Ancestral sampling (Ho et al. 2020, algorithm 2, sigma^2 = beta): starts from noise and takes away what the network
 * predicts, step by step; new noise is added after every step but the last. Yields `shown` times.
 *
 * The paper's schedule ends at alphaBar = 0.08, where a noised image still shows what it was. Pure noise is not what the
 * network learned to start from, and becomes strokes that do not belong together; `from` gives it what it knows, and
 * `normalLike` makes such images without copying one.
 * @throws the signal's reason when it is aborted
 */
export async function* sample(
  model: Denoiser,
  parameters: Parameters,
  buffers: Parameters,
  { count, seed, from, shown = 10, signal }: SampleOptions,
): AsyncGenerator<Sampled> {
  const { beta, alphaBar } = noiseSchedule();
  const random = randomStream(seed, "sample/noise");
  const shape: [number, number, number, number] = [count, 28, 28, 1];
  const noise = (): tf.Tensor4D =>
    tf.tensor4d(
      Float32Array.from({ length: count * 784 }, () => random.normal()),
      shape,
    );
  const start = (): tf.Tensor4D =>
    from
      ? addNoise(tf.tensor4d(from, shape), noise(), tf.fill([count], DIFFUSION_STEPS - 1, "int32"))
      : noise();
  let images = tf.tidy(start);
  try {
    for (let t = DIFFUSION_STEPS - 1; t >= 0; t--) {
      signal?.throwIfAborted();
      const next = tf.tidy(() => {
        const predicted = model.denoise(parameters, buffers, images, tf.fill([count], t, "int32"));
        const share = beta[t] / Math.sqrt(1 - alphaBar[t]);
        const mean = tf.div(tf.sub(images, tf.mul(predicted, share)), Math.sqrt(1 - beta[t]));
        return t === 0 ? mean : tf.add(mean, tf.mul(noise(), Math.sqrt(beta[t])));
      }) as tf.Tensor4D;
      images.dispose();
      images = next;
      if ((t * shown) % DIFFUSION_STEPS < shown)
        yield { step: t, images: (await read(images)) as Float32Array };
    }
  } finally {
    images.dispose();
  }
}
