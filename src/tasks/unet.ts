import * as tf from "@tensorflow/tfjs";
import { between, whole } from "../core/config.js";
import { at, paperMoments } from "../core/time.js";
import type { HostExamples } from "../data/dataset.js";
import { type ImageBatch, type ImageData, withTrainingImages } from "../data/images.js";
import { openMnist } from "../data/mnist.js";
import { DIFFUSION_STEPS } from "../models/diffusion.js";
import { type DiffusionTensors, unet as network } from "../models/unet.js";
import { adamw } from "../optim/adamw.js";
import type { Examples } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

/** Settings of image generation by diffusion; the defaults are the paper's. */
export type UnetConfig = {
  /** Channels of the first level; the next three have 2, 4 and 8 times as many. */
  readonly channels: number;
  /** Width of the time embedding. */
  readonly embedding: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Train on so many examples; 0 is all. */
  readonly trainingExamples: number;
  /**
   * Evaluate on the first so many examples of the training and of the validation set; 0 is all. A measurement evaluates
   * three networks, which on all 54 000 training examples would take as long as the epoch between two measurements.
   */
  readonly evaluationLimit: number;
  /** Generated digits in place of MNIST. */
  readonly standIn: boolean;
};

const defaults: UnetConfig = {
  channels: 64,
  embedding: 512,
  learningRate: 3e-4,
  weightDecay: 0,
  batchSize: 128,
  epochs: 100,
  trainingExamples: 0,
  evaluationLimit: 10_000,
  standIn: false,
};

/** Diffusion on MNIST (sections 4 and A.1, figures 3 to 5): a UNet predicts the noise in an image. */
export const unet = defineTask({
  name: "unet",
  title: "Image generation: diffusion with a UNet on MNIST",
  section: "4 Spectral dynamics (figures 3 to 5)",
  dataSet: "mnist",
  defaults,
  checks: {
    channels: (channels) =>
      [4, 8, 16].includes(channels) || (channels > 0 && channels % 32 === 0)
        ? undefined
        : "4, 8, 16 or a multiple of 32",
    embedding: (width) => whole(2)(width) ?? (width % 2 === 0 ? undefined : "an even number"),
    learningRate: between(0, 1),
    weightDecay: between(0, 1000),
    batchSize: whole(1),
    epochs: whole(1),
    trainingExamples: whole(0),
    evaluationLimit: whole(0),
  },
  measuring: ["evaluationLimit", "standIn"],
  profiles: {
    quick: {
      summary:
        "the four levels with an eighth of the channels, 1600 images, 6 epochs at learning rate 1e-2: " +
        "about 40 seconds on two CPU cores",
      config: {
        channels: 8,
        embedding: 64,
        learningRate: 1e-2,
        batchSize: 32,
        epochs: 6,
        trainingExamples: 1600,
        evaluationLimit: 128,
      },
      settings: {},
    },
    lab: {
      summary:
        "the paper's UNet for 55 epochs at learning rate 2e-3: 3 minutes on one H200 with 8,100 images; about 20 with all 54,000",
      config: { learningRate: 2e-3, epochs: 55, evaluationLimit: 1000 },
      settings: {},
    },
    paper: {
      summary: "100 epochs; losses evaluated on 10 000 of the training examples",
      config: {},
      settings: {},
    },
  },
  open: async (config: UnetConfig, _seed, options) =>
    withTrainingImages(await openMnist(standInOf(config, options)), config.trainingExamples),
  build(config: UnetConfig, _seed, data: ImageData): Experiment {
    const { channels, embedding, batchSize } = config;
    const training = diffusionExamples(data.training);
    const validation = diffusionExamples(data.validation);
    const limit = config.evaluationLimit || undefined;
    const experiment: Experiment<DiffusionTensors> = {
      model: network({ channels: [channels, 2 * channels, 4 * channels, 8 * channels], embedding }),
      optimiser: adamw(config),
      training,
      evaluations: {
        train: { examples: training, batchSize, limit },
        validation: { examples: validation, batchSize, limit },
      },
      batching: { batchSize },
      length: `${config.epochs}ep`,
      probes: standardProbes(paperMoments),
      checkpoints: at("end"),
    };
    return experiment as Experiment;
  },
});

/**
 * Images with the noise and the diffusion times of a training step, both drawn from the batch's own random stream: a
 * resumed run sees the same noise, and so does every evaluation.
 */
export function diffusionExamples(examples: HostExamples<ImageBatch>): Examples<DiffusionTensors> {
  return {
    count: examples.count,
    batch(indices, random) {
      const { images } = examples.batch(indices);
      const shape = images.shape as [number, number, number, number];
      const noise = new Float32Array(images.data.length).map(() => random.normal());
      const steps = new Int32Array(indices.length).map(() => random.integer(DIFFUSION_STEPS));
      return {
        images: tf.tensor4d(images.data, shape),
        noise: tf.tensor4d(noise, shape),
        steps: tf.tensor1d(steps, "int32"),
      };
    },
  };
}
