import { between, whole } from "../core/config.js";
import { at } from "../core/time.js";
import { openCifar10 } from "../data/cifar10.js";
import { type ImageData, withTrainingImages } from "../data/images.js";
import type { ImageTensors } from "../models/classification.js";
import { mlp } from "../models/mlp.js";
import { sgd } from "../optim/sgd.js";
import { asTensors, type Examples } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { paperMomentsEvery, standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

/** Settings of the comparison of true with random labels; the defaults are the paper's, with true ones. */
export type MlpLabelsConfig = {
  /** Permute the labels of the training images among them, and those of the validation images. */
  readonly randomLabels: boolean;
  readonly hidden: number;
  /** Linear layers, the last included. */
  readonly layers: number;
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Epochs between two measurements, but the first. */
  readonly measureEvery: number;
  /** Train on so many examples; 0 is all. */
  readonly trainingExamples: number;
  /** Evaluate on the first so many examples of the training and of the validation set; 0 is all. */
  readonly evaluationLimit: number;
  /** Generated textures in place of CIFAR-10. */
  readonly standIn: boolean;
};

const defaults: MlpLabelsConfig = {
  randomLabels: false,
  hidden: 256,
  layers: 4,
  learningRate: 1e-3,
  momentum: 0.9,
  weightDecay: 0,
  batchSize: 128,
  epochs: 300,
  measureEvery: 1,
  trainingExamples: 0,
  evaluationLimit: 10_000,
  standIn: false,
};

const settings = { true: {}, random: { randomLabels: true } };

/** True against random labels (section 6, figure 8): the same network learns or memorises CIFAR-10. */
export const mlpLabels = defineTask({
  name: "mlp-labels",
  title: "True and random labels: MLP on CIFAR-10",
  section: "6 Spectral dynamics with random labels (figure 8)",
  dataSet: "cifar10",
  defaults,
  checks: {
    hidden: whole(1),
    layers: whole(2),
    learningRate: between(0, 10),
    momentum: between(0, 1),
    weightDecay: between(0, 1000),
    batchSize: whole(1),
    epochs: whole(1),
    measureEvery: whole(1),
    trainingExamples: whole(0),
    evaluationLimit: whole(0),
  },
  measuring: ["measureEvery", "evaluationLimit", "standIn"],
  profiles: {
    quick: {
      summary:
        "hidden width 128, 2000 images, 40 epochs at learning rate 0.02: half a minute on two CPU cores",
      config: {
        hidden: 128,
        learningRate: 0.02,
        batchSize: 64,
        epochs: 40,
        measureEvery: 4,
        trainingExamples: 2000,
        evaluationLimit: 500,
      },
      settings,
    },
    lab: {
      summary:
        "the paper's MLP for 200 epochs at learning rate 0.01: 3 minutes on one H100 with 9,000 images; about 12 with all 45,000",
      config: { learningRate: 0.01, epochs: 200, measureEvery: 10, evaluationLimit: 5000 },
      settings,
    },
    paper: {
      summary: "300 epochs; metrics evaluated on 10 000 of the training examples",
      config: {},
      settings,
    },
  },
  async open(config: MlpLabelsConfig, seed, options): Promise<ImageData> {
    const permuteLabels = config.randomLabels ? seed : undefined;
    const data = await openCifar10({ ...standInOf(config, options), permuteLabels });
    return withTrainingImages(data, config.trainingExamples);
  },
  build(config: MlpLabelsConfig, _seed, data: ImageData): Experiment {
    const { hidden, layers, batchSize } = config;
    const training = asTensors(data.training) as Examples<ImageTensors>;
    const validation = asTensors(data.validation) as Examples<ImageTensors>;
    const limit = config.evaluationLimit || undefined;
    const experiment: Experiment<ImageTensors> = {
      model: mlp({ inputs: data.height * data.width * data.channels, hidden, layers }),
      optimiser: sgd(config),
      training,
      evaluations: {
        train: { examples: training, batchSize: 500, limit },
        validation: { examples: validation, batchSize: 500, limit },
      },
      batching: { batchSize },
      length: `${config.epochs}ep`,
      probes: standardProbes(paperMomentsEvery(config.measureEvery)),
      checkpoints: at("end"),
    };
    return experiment as Experiment;
  },
});
