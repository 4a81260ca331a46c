import type { ImageData } from "../data/images.js";
import { classificationMeasuring, openClassificationData } from "./image-classification.js";
import { defineTask } from "./task.js";
import { buildVgg, vggChecks, type VggConfig, vggDefaults } from "./vgg.js";

const settings = { "no-decay": {}, decay: { weightDecay: 5e-3 } };

/** A first experiment: what weight decay does to the spectra of a small VGG. */
export const cifarDecay = defineTask<VggConfig, ImageData>({
  name: "cifar-decay",
  title: "With and without weight decay: VGG-11 on CIFAR-10",
  section: "none: the way in (notebook 02); section 5 is its grown-up version",
  dataSet: "cifar10",
  defaults: {
    ...vggDefaults,
    depth: 11,
    channels: 32,
    learningRate: 0.05,
    milestones: "7.5",
    weightDecay: 0,
    epochs: 10,
    evaluationLimit: 2000,
  },
  checks: vggChecks,
  measuring: classificationMeasuring,
  profiles: {
    quick: {
      summary:
        "an eighth of the channels, 1500 images, 6 epochs, decay 0.01: about 45 seconds on two CPU cores",
      config: {
        channels: 8,
        milestones: "4.5",
        batchSize: 32,
        epochs: 6,
        trainingExamples: 1500,
        evaluationLimit: 200,
      },
      settings: { "no-decay": {}, decay: { weightDecay: 0.01 } },
    },
    lab: {
      summary:
        "half of the channels, 10 epochs, decay 5e-3: a minute or two on one GPU with 9,000 images; about six with all 45,000",
      config: {},
      settings,
    },
    paper: { summary: "not in the paper: the same as lab", config: {}, settings },
  },
  open: openClassificationData,
  build: buildVgg,
});
