import { between, type Checks, whole } from "../core/config.js";
import { at, paperMoments, toSteps } from "../core/time.js";
import { openCifar10 } from "../data/cifar10.js";
import type { DataOptions } from "../data/dataset.js";
import { type ImageData, withTrainingImages } from "../data/images.js";
import type { ImageTensors } from "../models/classification.js";
import type { Model } from "../nn/model.js";
import { milestones } from "../optim/schedules.js";
import { sgd } from "../optim/sgd.js";
import { asTensors, type Examples, stepsPerEpoch } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { standardProbes } from "./probes.js";
import { standInOf } from "./task.js";

/** Settings of image classification that do not depend on the network; the defaults are the paper's, for its VGG. */
export type ClassificationConfig = {
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

export const classificationDefaults: ClassificationConfig = {
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

export const classificationChecks: Checks<ClassificationConfig> = {
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

export const classificationMeasuring = ["evaluationLimit", "standIn"] as const;

/** CIFAR-10, or what stands in for it. */
export async function openClassificationData(
  config: ClassificationConfig,
  _seed: number,
  options?: DataOptions,
): Promise<ImageData> {
  const { trainingExamples, trainingPart } = config;
  return withTrainingImages(await openCifar10(standInOf(config, options)), trainingExamples, trainingPart);
}

/** A network trained by SGD without augmentation, measured at the paper's moments. */
export function classificationExperiment(
  model: Model<ImageTensors>,
  config: ClassificationConfig,
  data: ImageData,
): Experiment {
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
    model,
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
