import { between, whole } from "../core/config.js";
import { at, every } from "../core/time.js";
import type { Dataset } from "../data/dataset.js";
import { type AdditionBatch, modularAddition as sums } from "../data/modular-addition.js";
import type { AdditionTensors } from "../models/modular-addition.js";
import { modularAddition as network } from "../models/modular-addition.js";
import { adamw } from "../optim/adamw.js";
import { warmupConstant } from "../optim/schedules.js";
import type { Examples } from "../train/examples.js";
import { asTensors } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { standardProbes } from "./probes.js";
import { defineTask } from "./task.js";

/** Settings of modular addition; the defaults are the second row of figure 2, which groks. */
export type ModularAdditionConfig = {
  readonly modulus: number;
  readonly trainingFraction: number;
  readonly width: number;
  readonly heads: number;
  readonly hidden: number;
  readonly layerNorm: boolean;
  readonly learningRate: number;
  readonly warmUpSteps: number;
  readonly weightDecay: number;
  /** Examples per step; 0 is the full batch. */
  readonly batchSize: number;
  readonly epochs: number;
  /** Epochs between two measurements. */
  readonly measureEvery: number;
  /** Epochs between two pruning measurements, each of which costs two evaluations. */
  readonly pruneEvery: number;
  /** Train only this many epochs more once the validation error has fallen below 2 %; 0 trains to the end. */
  readonly epochsAfterGrokking: number;
};

const defaults: ModularAdditionConfig = {
  modulus: 113,
  trainingFraction: 0.3,
  width: 128,
  heads: 4,
  hidden: 512,
  layerNorm: false,
  learningRate: 1e-3,
  warmUpSteps: 0,
  weightDecay: 1,
  batchSize: 0,
  epochs: 40_000,
  measureEvery: 100,
  pruneEvery: 1000,
  epochsAfterGrokking: 0,
};

const slingshot = {
  modulus: 97,
  trainingFraction: 0.7,
  weightDecay: 0,
  batchSize: 512,
  layerNorm: true,
  warmUpSteps: 10,
};

/** Grokking (sections 3 and A.1, figure 2): a one-layer Transformer learns a + b mod p. */
export const modularAddition = defineTask({
  name: "modular-addition",
  title: "Modular addition and grokking",
  section: "3 Grokking (figure 2)",
  defaults,
  checks: {
    modulus: whole(2, 4096),
    trainingFraction: between(0, 1),
    width: whole(1),
    heads: whole(1),
    hidden: whole(1),
    learningRate: between(0, 1),
    warmUpSteps: whole(0),
    weightDecay: between(0, 1000),
    batchSize: whole(0),
    epochs: whole(1),
    measureEvery: whole(1),
    pruneEvery: whole(1),
    epochsAfterGrokking: whole(0),
  },
  measuring: ["measureEvery", "pruneEvery"],
  profiles: {
    quick: {
      summary:
        "p = 53, half of the pairs, width 64, learning rate 3e-3, decay 2: groks within two minutes on two CPU cores",
      config: {
        modulus: 53,
        trainingFraction: 0.5,
        width: 64,
        hidden: 256,
        learningRate: 3e-3,
        weightDecay: 2,
        epochs: 1300,
        measureEvery: 25,
        pruneEvery: 325,
      },
      settings: {
        "no-decay": { weightDecay: 0, epochs: 900 },
        decay: {},
        slingshot: {
          modulus: 31,
          trainingFraction: 0.7,
          weightDecay: 0,
          batchSize: 256,
          layerNorm: true,
          warmUpSteps: 10,
          epochs: 300,
          measureEvery: 10,
          pruneEvery: 100,
        },
        "more-data": { weightDecay: 0, modulus: 41, trainingFraction: 0.9, epochs: 600 },
      },
    },
    lab: {
      summary: "the paper's p = 113 setting, run until it has grokked: 5 minutes on one H100",
      config: { epochsAfterGrokking: 2000 },
      settings: {
        "no-decay": { weightDecay: 0, epochs: 25_000 },
        decay: {},
        slingshot: { ...slingshot, epochs: 8000 },
        "more-data": { weightDecay: 0, trainingFraction: 0.9, epochs: 10_000 },
      },
    },
    paper: {
      summary: "the paper's own settings",
      config: {},
      settings: {
        "no-decay": { weightDecay: 0 },
        decay: {},
        slingshot: { ...slingshot, epochs: 100_000 },
        "more-data": { weightDecay: 0, trainingFraction: 0.9 },
      },
    },
  },
  open: async ({ modulus, trainingFraction }: ModularAdditionConfig, seed) =>
    sums({ modulus, trainingFraction, seed }),
  build(config: ModularAdditionConfig, _seed, data: Dataset<AdditionBatch>): Experiment {
    const { modulus, width, heads, hidden, layerNorm, learningRate, warmUpSteps } = config;
    const training = asTensors(data.training) as Examples<AdditionTensors>;
    const validation = asTensors(data.validation) as Examples<AdditionTensors>;
    const batchSize = config.batchSize || training.count;
    const measured = every(`${config.measureEvery}ep`);
    const experiment: Experiment<AdditionTensors> = {
      model: network({ modulus, width, heads, hidden, layerNorm }),
      optimiser: adamw({
        learningRate:
          warmUpSteps > 0 ? warmupConstant({ peak: learningRate, warmup: warmUpSteps }) : learningRate,
        beta1: 0.9,
        beta2: 0.98,
        weightDecay: config.weightDecay,
      }),
      training,
      evaluations: {
        train: { examples: training, batchSize: training.count },
        validation: { examples: validation, batchSize: validation.count },
      },
      batching: { batchSize },
      length: `${config.epochs}ep`,
      stop:
        config.epochsAfterGrokking > 0
          ? { split: "validation", metric: "error", below: 0.02, then: `${config.epochsAfterGrokking}ep` }
          : undefined,
      probes: standardProbes(measured, every(`${config.pruneEvery}ep`)),
      checkpoints: at("0"),
    };
    return experiment as Experiment;
  },
});
