import { startBackend } from "../backend/start.js";
import { largest } from "../core/extent.js";
import { randomStream } from "../core/random.js";
import { MNIST_NORMALISATION, openMnist } from "../data/mnist.js";
import type { ImageOptions } from "../data/open-images.js";
import type { Figure } from "../figures/plotly.js";
import { samplesFigure } from "../figures/samples.js";
import { DIFFUSION_STEPS, normalLike, sample } from "../models/diffusion.js";
import { unet } from "../models/unet.js";
import { disposeParameters, toTensors } from "../nn/parameters.js";
import type { RunReader } from "../store/stored-run.js";
import type { UnetConfig } from "../tasks/unet.js";
import { interruptSignal } from "./interrupt.js";
import { md } from "./markdown-text.js";
import { markdown } from "./markdown.js";
import { progress } from "./progress.js";
import { show } from "./show.js";

export interface SamplesChoice {
  /** Images to make, default 10: one that starts like each digit, then around again. */
  readonly count?: number;
  /** Moments shown on the way, default 10. */
  readonly moments?: number;
  /** Seed of the noise, default 0. */
  readonly seed?: number;
  /** Start from pure noise rather than from a view of a digit under all the noise; default false (see `sample`). */
  readonly pureNoise?: boolean;
  /** Where the digits lie. */
  readonly data?: ImageOptions;
}

/**
 * Shows digits appearing out of noise by ancestral sampling from the last weights of a UNet's run; says so in a sentence
 * where the run came without its weights. Takes 1000 steps of the network: seconds at the quick profile's width; at the
 * paper's, half a minute on a GPU and five minutes on a CPU.
 * @throws the signal's reason when the cell is interrupted
 */
export async function showSamples(run: RunReader, choice: SamplesChoice = {}): Promise<void> {
  if (run.weightSteps().length > 0) return show(await drawSamples(run, choice));
  const command = `npx spectral train unet --profile ${run.record.profile ?? "quick"}`;
  const without = md`Run ${run.record.id} came without its weights, so no digits can be drawn from it.`;
  markdown(md`${without} Train it here to see them: ${command}, or with SPECTRAL_RETRAIN=1.`);
}

/**
 * The figure of `showSamples`.
 * @throws DataError if the run's weights are missing or damaged
 */
export async function drawSamples(
  run: RunReader,
  { count = 10, moments = 10, seed = 0, pureNoise = false, data = {} }: SamplesChoice = {},
): Promise<Figure> {
  await startBackend();
  const { channels, embedding } = run.record.config as UnetConfig;
  const model = unet({ channels: [channels, 2 * channels, 4 * channels, 8 * channels], embedding });
  const weights = toTensors(run.readWeights(largest(run.weightSteps())));
  const standInOf = { standIn: run.record.data.standIn ? "always" : "never" } as const;
  const from = pureNoise ? undefined : await startsLikeDigits(count, seed, { ...data, ...standInOf });
  const shown = progress({ title: "sampling", total: DIFFUSION_STEPS });
  const stages: { step: number; images: Float32Array[] }[] = [];
  try {
    // parameters and buffers have different names, so one map serves as both
    const signal = interruptSignal();
    for await (const { step, images } of sample(model, weights, weights, {
      count,
      seed,
      from,
      shown: moments,
      signal,
    })) {
      stages.push({ step, images: greyImages(images, count) });
      shown.update({ step: DIFFUSION_STEPS - step });
    }
  } finally {
    disposeParameters(weights);
  }
  shown.done();
  return samplesFigure(stages);
}

/** Images [count, 28, 28, 1], each drawn from the normal distribution of one digit, 0 to 9 and around again. */
async function startsLikeDigits(count: number, seed: number, options: ImageOptions): Promise<Float32Array> {
  const { training } = await openMnist(options);
  const { images, labels } = training.batch(
    Array.from({ length: Math.min(5000, training.count) }, (_, i) => i),
  );
  const random = randomStream(seed, "sample/start");
  const size = images.data.length / labels.data.length;
  const all = Array.from(
    labels.data,
    (_, i) => images.data.subarray(i * size, (i + 1) * size) as Float32Array,
  );
  const from = new Float32Array(count * size);
  for (let i = 0; i < count; i++)
    from.set(
      normalLike(
        all.filter((_, at) => labels.data[at] === i % 10),
        random,
      ),
      i * size,
    );
  return from;
}

/** Images in the units of training as grey values, 0 = black, 1 = white. */
function greyImages(images: Float32Array, count: number): Float32Array[] {
  const [mean, std] = [MNIST_NORMALISATION.mean[0], MNIST_NORMALISATION.std[0]];
  const size = images.length / count;
  return Array.from({ length: count }, (_, i) =>
    images.subarray(i * size, (i + 1) * size).map((value) => Math.min(1, Math.max(0, value * std + mean))),
  );
}
