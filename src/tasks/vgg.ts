import { between, type Checks, whole } from "../core/config.js";
import { at, paperMoments, toSteps } from "../core/time.js";
import { openCifar10 } from "../data/cifar10.js";
import type { DataOptions } from "../data/dataset.js";
import { type ImageData, withTrainingImages } from "../data/images.js";
import type { ImageTensors } from "../models/classification.js";
import { vgg as network, type VggSizes } from "../models/vgg.js";
import { milestones } from "../optim/schedules.js";
import { sgd } from "../optim/sgd.js";
import { asTensors, type Examples, stepsPerEpoch } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

/** Settings of image classification with a VGG; the defaults are the paper's. */
export type VggConfig = {
  /** 11, 13, 16 or 19: convolutions and linear layers. */
  readonly depth: number;
  /** Channels of the first convolution; the later ones have up to eight times as many. */
  readonly channels: number;
  readonly learningRate: number;
  /** Epochs after which the learning rate is divided by ten, such as "82,123,160"; "" keeps it. */
  readonly milestones: string;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Train on so many examples; 0 is all. */
  readonly trainingExamples: number;
  /** Which of several choices of so many training examples without one in common; 0 is the first. */
  readonly trainingPart: number;
  /**
   * Evaluate on the first so many examples of the training and of the validation set, and recompute the statistics of
   * pruned networks on as many; 0 is all. A measurement evaluates three networks, so that all 45 000 training examples
   * would take longer than the epoch between two measurements; 10 000 take half of it.
   */
  readonly evaluationLimit: number;
  /** Generated textures in place of CIFAR-10. */
  readonly standIn: boolean;
};

export const vggDefaults: VggConfig = {
  depth: 16,
  channels: 64,
  learningRate: 0.1,
  milestones: "82,123,160",
  momentum: 0.9,
  weightDecay: 1e-4,
  batchSize: 128,
  epochs: 164,
  trainingExamples: 0,
  trainingPart: 0,
  evaluationLimit: 10_000,
  standIn: false,
};

export const vggChecks: Checks<VggConfig> = {
  depth: (depth) => ([11, 13, 16, 19].includes(depth) ? undefined : "11, 13, 16 or 19"),
  channels: whole(1),
  learningRate: between(0, 10),
  milestones: (text) => (milestoneEpochs(text) ? undefined : 'rising epochs, such as "82,123,160", or ""'),
  momentum: between(0, 1),
  weightDecay: between(0, 1000),
  batchSize: whole(1),
  epochs: whole(1),
  trainingExamples: whole(0),
  trainingPart: whole(0),
  evaluationLimit: whole(0),
};

export const vggMeasuring = ["evaluationLimit", "standIn"] as const;

/** VGG on CIFAR-10 (sections 4 and A.1, figures 3 to 5). */
export const vgg = defineTask({
  name: "vgg",
  title: "Image classification: VGG on CIFAR-10",
  section: "4 Spectral dynamics (figures 3 to 5)",
  dataSet: "cifar10",
  defaults: vggDefaults,
  checks: vggChecks,
  measuring: vggMeasuring,
  profiles: {
    quick: {
      summary:
        "VGG-16 with an eighth of the channels, 1500 images, 8 epochs at learning rate 0.05, a tenth of it after " +
        "epochs 5 and 7: about a minute on two CPU cores",
      config: {
        channels: 8,
        learningRate: 0.05,
        milestones: "5,7",
        batchSize: 32,
        epochs: 8,
        trainingExamples: 1500,
        evaluationLimit: 200,
      },
      settings: {},
    },
    lab: {
      summary:
        "VGG-16 at full width for 30 epochs, learning rate divided by ten after 15, 22.5 and 29.25: 5 minutes on " +
        "one H100 (with other runs on it) with 9,000 images; about 25 with all 45,000",
      config: { epochs: 30, milestones: "15,22.5,29.25", evaluationLimit: 2000 },
      settings: {},
    },
    paper: {
      summary: "VGG-16, 164 epochs; losses evaluated on 10 000 of the training examples",
      config: {},
      settings: {},
    },
  },
  open: openVggData,
  build: buildVgg,
});

/** CIFAR-10, or what stands in for it; used by every task that trains a VGG. */
export async function openVggData(
  config: VggConfig,
  _seed: number,
  options?: DataOptions,
): Promise<ImageData> {
  const { trainingExamples, trainingPart } = config;
  return withTrainingImages(await openCifar10(standInOf(config, options)), trainingExamples, trainingPart);
}

/** The experiment of a configuration; used by every task that trains a VGG. */
export function buildVgg(config: VggConfig, _seed: number, data: ImageData): Experiment {
  const { batchSize, momentum, weightDecay } = config;
  const training = asTensors(data.training) as Examples<ImageTensors>;
  const validation = asTensors(data.validation) as Examples<ImageTensors>;
  const limit = config.evaluationLimit || undefined;
  const clock = { stepsPerEpoch: stepsPerEpoch(training.count, { batchSize }), totalSteps: 0 };
  const learningRate = milestones({
    initial: config.learningRate,
    at: (milestoneEpochs(config.milestones) ?? []).map((epoch) => toSteps(`${epoch}ep`, clock)),
  });
  const experiment: Experiment<ImageTensors> = {
    model: network({ depth: config.depth as VggSizes["depth"], width: config.channels / 64 }),
    optimiser: sgd({ learningRate, momentum, weightDecay }),
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
}

/** "82,123,160" as numbers; undefined unless they are positive and rising. */
function milestoneEpochs(text: string): number[] | undefined {
  if (text.trim() === "") return [];
  const epochs = text.split(",").map((part) => (part.trim() === "" ? NaN : Number(part)));
  return epochs.every((epoch, i) => epoch > (epochs[i - 1] ?? 0) && epoch < Infinity) ? epochs : undefined;
}
