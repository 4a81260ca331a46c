import type { Config } from "../core/config.js";
import { CIFAR10_NORMALISATION } from "../data/cifar10.js";
import { MNIST_NORMALISATION } from "../data/mnist.js";
import type { Normalisation } from "../data/images.js";
import { CHARACTERS } from "../data/speech/characters.js";
import { MEL } from "../data/speech/mel.js";
import { DIFFUSION_STEPS, noiseSchedule } from "../models/diffusion.js";
import { EPSILON, MOMENTUM } from "../nn/normalisation.js";

/** The numbers of a task that its configuration cannot change, read from the code that computes with them; betas to four digits. */
export function fixedNumbers(task: string): Config {
  return FIXED[task]?.() ?? {};
}

const FIXED: Readonly<Record<string, () => Config>> = {
  vgg: () => ({
    ...pixels(CIFAR10_NORMALISATION),
    normalisationEpsilon: EPSILON,
    normalisationMomentum: MOMENTUM,
  }),
  "mlp-labels": () => pixels(CIFAR10_NORMALISATION),
  unet: () => {
    const { beta } = noiseSchedule();
    return {
      ...pixels(MNIST_NORMALISATION),
      normalisationEpsilon: EPSILON,
      diffusionSteps: DIFFUSION_STEPS,
      firstBeta: Number(beta[0].toPrecision(4)),
      lastBeta: Number(beta[beta.length - 1].toPrecision(4)),
    };
  },
  lstm: () => {
    const { window, hop, bands, averaged, sampleRate } = MEL;
    return { sampleRate, window, hop, bands, averaged, symbols: CHARACTERS.length };
  },
  transformer: () => ({ normalisationEpsilon: EPSILON }),
  "modular-addition": () => ({ normalisationEpsilon: EPSILON }),
};

/** Mean and standard deviation of each channel: "0.4914 / 0.4822 / 0.4465". */
function pixels({ mean, std }: Normalisation): Config {
  return { pixelMean: mean.join(" / "), pixelStd: std.join(" / ") };
}
