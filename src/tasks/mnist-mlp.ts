import { between, whole } from "../core/config.js";
import { any, at, every, within } from "../core/time.js";
import { type ImageData, withTrainingImages } from "../data/images.js";
import { openMnist } from "../data/mnist.js";
import type { ImageTensors } from "../models/classification.js";
import { mlp } from "../models/mlp.js";
import { sgd } from "../optim/sgd.js";
import { asTensors, type Examples } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

/** Settings of the first experiment: a multi-layer perceptron on MNIST. */
export type MnistMlpConfig = {
  readonly hidden: number;
  /** Linear layers, the last included. */
  readonly layers: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Train on the first so many examples; 0 is all. */
  readonly trainingExamples: number;
  /** Generated digits in place of MNIST. */
  readonly standIn: boolean;
};

const defaults: MnistMlpConfig = {
  hidden: 256,
  layers: 4,
  learningRate: 0.05,
  momentum: 0.9,
  weightDecay: 0,
  batchSize: 128,
  epochs: 20,
  trainingExamples: 0,
  standIn: false,
};

/** The way in: a small network on a small data set, with every probe on. */
export const mnistMlp = defineTask({
  name: "mnist-mlp",
  title: "A first network: MLP on MNIST",
  section: "none: the way in (notebooks 00 and 02)",
  dataSet: "mnist",
  defaults,
  checks: {
    hidden: whole(1),
    layers: whole(2),
    learningRate: between(0, 10),
    momentum: between(0, 1),
    weightDecay: between(0, 1000),
    batchSize: whole(1),
    epochs: whole(1),
    trainingExamples: whole(0),
  },
  measuring: ["standIn"],
  profiles: {
    quick: {
      summary: "hidden width 64, 3000 images, 8 epochs: about 10 seconds on two CPU cores",
      config: { hidden: 64, trainingExamples: 3000, batchSize: 64, epochs: 8 },
      settings: { "no-decay": {}, decay: { weightDecay: 1e-2 } },
    },
    lab: {
      summary: "hidden width 256, 20 epochs: a minute on one GPU with all 54,000 images",
      config: {},
      settings: { "no-decay": {}, decay: { weightDecay: 1e-2 } },
    },
    paper: {
      summary: "not in the paper: the same as lab",
      config: {},
      settings: { "no-decay": {}, decay: { weightDecay: 1e-2 } },
    },
  },
  open: async (config: MnistMlpConfig, _seed, options) =>
    withTrainingImages(await openMnist(standInOf(config, options)), config.trainingExamples),
  build(config: MnistMlpConfig, _seed, data: ImageData): Experiment {
    const training = asTensors(data.training) as Examples<ImageTensors>;
    const validation = asTensors(data.validation) as Examples<ImageTensors>;
    const measured = any(at("0"), within("1ep", 5), every("0.5ep"));
    const experiment: Experiment<ImageTensors> = {
      model: mlp({
        inputs: data.height * data.width * data.channels,
        hidden: config.hidden,
        layers: config.layers,
      }),
      optimiser: sgd(config),
      training,
      evaluations: {
        train: { examples: training, batchSize: 500, limit: 2000 },
        validation: { examples: validation, batchSize: 500 },
      },
      batching: { batchSize: config.batchSize },
      length: `${config.epochs}ep`,
      probes: standardProbes(measured, every("1ep")),
      checkpoints: at("0"),
    };
    return experiment as Experiment;
  },
});
