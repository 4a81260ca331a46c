import { type Checks, whole } from "../core/config.js";
import type { ImageData } from "../data/images.js";
import { vgg as network, type VggSizes } from "../models/vgg.js";
import type { Experiment } from "../train/experiment.js";
import {
  classificationChecks,
  type ClassificationConfig,
  classificationDefaults,
  classificationExperiment,
  classificationMeasuring,
  openClassificationData,
} from "./image-classification.js";
import { defineTask } from "./task.js";

/** Settings of image classification with a VGG; the defaults are the paper's. */
export type VggConfig = ClassificationConfig & {
  /** 11, 13, 16 or 19: convolutions and linear layers. */
  readonly depth: number;
  /** Channels of the first convolution; the later ones have up to eight times as many. */
  readonly channels: number;
};

export const vggDefaults: VggConfig = { depth: 16, channels: 64, ...classificationDefaults };

export const vggChecks: Checks<VggConfig> = {
  depth: (depth) => ([11, 13, 16, 19].includes(depth) ? undefined : "11, 13, 16 or 19"),
  channels: whole(1),
  ...classificationChecks,
};

/** VGG on CIFAR-10 (sections 4 and A.1, figures 3 to 5). */
export const vgg = defineTask<VggConfig, ImageData>({
  name: "vgg",
  title: "Image classification: VGG on CIFAR-10",
  section: "4 Spectral dynamics (figures 3 to 5)",
  dataSet: "cifar10",
  defaults: vggDefaults,
  checks: vggChecks,
  measuring: classificationMeasuring,
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
  open: openClassificationData,
  build: buildVgg,
});

/** The experiment of a configuration; used by every task that trains a VGG. */
export function buildVgg(config: VggConfig, _seed: number, data: ImageData): Experiment {
  const model = network({ depth: config.depth as VggSizes["depth"], width: config.channels / 64 });
  return classificationExperiment(model, config, data);
}
