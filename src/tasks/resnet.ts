import { type Checks, oneOf, whole } from "../core/config.js";
import type { ImageData } from "../data/images.js";
import { resnet as network, type ResnetDepth, type ResnetStem } from "../models/resnet.js";
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

/** Settings of image classification with a residual network; the defaults are those of the paper's VGG. */
export type ResnetConfig = ClassificationConfig & {
  /** 18, 34, 50, 101 or 152: convolutions and linear layers, shortcuts not counted; from 50 on blocks are bottlenecks. */
  readonly depth: number;
  /** "cifar" for images of 32 x 32, "imagenet" as in torchvision's weights. */
  readonly stem: string;
  /** Channels of the first convolution; the later ones have up to 8, those of bottlenecks up to 32 times as many. */
  readonly channels: number;
};

const DEPTHS: readonly number[] = [18, 34, 50, 101, 152];

const defaults: ResnetConfig = { depth: 18, stem: "cifar", channels: 64, ...classificationDefaults };

const checks: Checks<ResnetConfig> = {
  depth: (depth) => (DEPTHS.includes(depth) ? undefined : "18, 34, 50, 101 or 152"),
  stem: oneOf("cifar", "imagenet"),
  channels: whole(1),
  ...classificationChecks,
};

/** A residual network on CIFAR-10: not in the paper, whose code names the architecture and builds an MLP for it. */
export const resnet = defineTask<ResnetConfig, ImageData>({
  name: "resnet",
  title: "Image classification: ResNet on CIFAR-10",
  section: "none: whether section 4 holds for residual networks too (the paper has no such experiment)",
  dataSet: "cifar10",
  defaults,
  checks,
  measuring: classificationMeasuring,
  profiles: {
    quick: {
      summary:
        "ResNet-18 with an eighth of the channels, 1500 images, 6 epochs at learning rate 0.05, a tenth of it after " +
        "epochs 4 and 5: about a minute on two CPU cores",
      config: {
        channels: 8,
        learningRate: 0.05,
        milestones: "4,5",
        batchSize: 32,
        epochs: 6,
        trainingExamples: 1500,
        evaluationLimit: 200,
      },
      settings: {},
    },
    lab: {
      summary: "ResNet-18 at full width for 30 epochs, learning rate divided by ten after 15, 22.5 and 29.25",
      config: { epochs: 30, milestones: "15,22.5,29.25", evaluationLimit: 2000 },
      settings: {},
    },
    paper: {
      summary:
        "not in the paper: ResNet-18 with CIFAR's stem, trained for 164 epochs as the paper trains its VGG-16; losses " +
        "evaluated on 10 000 of the training examples",
      config: {},
      settings: {},
    },
  },
  open: openClassificationData,
  build(config, _seed, data): Experiment {
    const { depth, stem, channels } = config;
    const model = network({
      depth: depth as ResnetDepth,
      stem: stem as ResnetStem,
      width: channels / 64,
      classes: 10,
    });
    return classificationExperiment(model, config, data);
  },
});
