import { between, oneOf, whole } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import { at, every } from "../core/time.js";
import { openWikiText, type TextData, type TextOptions } from "../data/wikitext.js";
import { type TextTensors, transformer as network } from "../models/transformer.js";
import { adamw } from "../optim/adamw.js";
import { clipByGlobalNorm } from "../optim/clip.js";
import { warmupCosine } from "../optim/schedules.js";
import { asTensors, type Examples, stepsPerEpoch } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { paperMomentsEvery, standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

/** Settings of language modelling; the defaults are the paper's. */
export type TransformerConfig = {
  readonly layers: number;
  /** Width of the residual stream. */
  readonly width: number;
  readonly heads: number;
  /** Hidden units of each MLP. */
  readonly hidden: number;
  /** "gpt-neox-20b", the paper's, from its `tokenizer.json`; "words": whole words of the training text. */
  readonly tokeniser: string;
  /** Largest vocabulary of the tokeniser "words". */
  readonly vocabularySize: number;
  /** Tokens per sequence. */
  readonly sequenceLength: number;
  /** Use the first so many words of the training text; 0 is all. */
  readonly words: number;
  /** Reached after the warm-up; falls to a tenth by a half cosine. */
  readonly learningRate: number;
  readonly warmUpSteps: number;
  /** Epochs after which the learning rate reaches its tenth; a run may be shorter. */
  readonly scheduleEpochs: number;
  readonly weightDecay: number;
  /** Largest global norm of the gradient. */
  readonly clipNorm: number;
  /** Sequences per batch. */
  readonly batchSize: number;
  /** Batches whose gradients make up one step. */
  readonly accumulation: number;
  readonly epochs: number;
  /** Evaluate on the first so many sequences of each split; 0 is all. */
  readonly evaluationLimit: number;
  /** Epochs (or parts of one) between two measurements; the first epoch has at least five. */
  readonly measureEvery: number;
  /** Epochs (or parts of one) between two pruning measurements, each of which costs two evaluations. */
  readonly pruneEvery: number;
  /** The generated grammar in place of WikiText. */
  readonly standIn: boolean;
};

const defaults: TransformerConfig = {
  layers: 12,
  width: 768,
  heads: 12,
  hidden: 768,
  tokeniser: "gpt-neox-20b",
  vocabularySize: 8192,
  sequenceLength: 2048,
  words: 0,
  learningRate: 6e-4,
  warmUpSteps: 200,
  scheduleEpochs: 30,
  weightDecay: 0.1,
  clipNorm: 1,
  batchSize: 4,
  accumulation: 64,
  epochs: 10,
  evaluationLimit: 0,
  measureEvery: 1,
  pruneEvery: 1,
  standIn: false,
};

/**
 * The first experiment with language: two layers on the generated grammar, a language simple enough to be learnt within
 * a minute. The same on every machine, and in every profile.
 */
const small: TransformerConfig = {
  ...defaults,
  layers: 2,
  width: 64,
  heads: 4,
  hidden: 64,
  tokeniser: "words",
  vocabularySize: 512,
  sequenceLength: 64,
  words: 120_000,
  learningRate: 3e-3,
  warmUpSteps: 20,
  scheduleEpochs: 4,
  batchSize: 16,
  accumulation: 1,
  epochs: 4,
  evaluationLimit: 64,
  measureEvery: 0.2,
  pruneEvery: 1,
  standIn: true,
};

const settings = {
  "no-decay": { weightDecay: 0 },
  decay: {},
  small,
  "small-no-decay": { ...small, weightDecay: 0 },
};

/**
 * Language modelling (section 4, figures 3 to 5): a twelve-layer pre-LayerNorm Transformer on WikiText-103.
 * The metric `loss` is the mean cross entropy per token in nats: perplexity is exp(loss). Perplexities of different
 * tokenisers do not compare.
 */
export const transformer = defineTask({
  name: "transformer",
  title: "Language modelling: Transformer on WikiText-103",
  section: "4 Spectral dynamics (figures 3 to 5)",
  dataSet: "wikitext103",
  defaults,
  checks: {
    layers: whole(1),
    width: whole(1),
    heads: whole(1),
    hidden: whole(1),
    tokeniser: oneOf("gpt-neox-20b", "words"),
    vocabularySize: whole(2),
    sequenceLength: whole(1),
    words: whole(0),
    learningRate: between(0, 1),
    warmUpSteps: whole(0),
    scheduleEpochs: whole(1),
    weightDecay: between(0, 1000),
    clipNorm: between(1e-6, 1e6),
    batchSize: whole(1),
    accumulation: whole(1),
    epochs: whole(1),
    evaluationLimit: whole(0),
    measureEvery: between(0.01, 1e6),
    pruneEvery: between(0.01, 1e6),
  },
  measuring: ["measureEvery", "pruneEvery", "evaluationLimit", "standIn"],
  profiles: {
    quick: {
      summary: "12 layers of width 32, 1024 words, sequences of 64: about a minute on two CPU cores",
      config: {
        width: 32,
        heads: 4,
        hidden: 32,
        tokeniser: "words",
        vocabularySize: 1024,
        sequenceLength: 64,
        words: 150_000,
        learningRate: 5e-3,
        warmUpSteps: 20,
        scheduleEpochs: 1,
        batchSize: 8,
        accumulation: 2,
        epochs: 1,
        evaluationLimit: 64,
        measureEvery: 0.1,
        pruneEvery: 0.2,
      },
      settings,
    },
    lab: {
      summary:
        "full width, vocabulary of 8192 words, sequences of 256 of at most 240,000 words, 3 epochs: 5 minutes on one H100",
      config: {
        tokeniser: "words",
        sequenceLength: 256,
        words: 240_000,
        warmUpSteps: 20,
        scheduleEpochs: 3,
        accumulation: 2,
        epochs: 3,
        evaluationLimit: 64,
        measureEvery: 0.25,
        pruneEvery: 0.75,
      },
      settings,
    },
    paper: {
      summary: "the paper's own settings",
      config: {},
      settings,
    },
  },
  async open(config: TransformerConfig, _seed, options): Promise<TextData> {
    const data = await openWikiText({
      ...standInOf(config, options),
      length: config.sequenceLength,
      tokeniser: config.tokeniser as TextOptions["tokeniser"],
      vocabularySize: config.vocabularySize,
      limit: config.words || undefined,
    });
    if (!data.provenance.standIn || config.tokeniser === "words") return data;
    throw new ConfigError(
      `transformer: setting "tokeniser": the generated grammar has only whole words: expected "words", ` +
        `found ${JSON.stringify(config.tokeniser)} (${data.provenance.source})`,
    );
  },
  build(config: TransformerConfig, _seed, data: TextData): Experiment {
    const training = asTensors(data.training) as Examples<TextTensors>;
    const validation = asTensors(data.validation) as Examples<TextTensors>;
    const { batchSize, accumulation, layers, width, heads, hidden } = config;
    const batching = { batchSize, accumulation };
    const evaluation = { batchSize, limit: config.evaluationLimit || undefined };
    const experiment: Experiment<TextTensors> = {
      model: network({ vocabulary: data.tokeniser.size, layers, width, heads, hidden }),
      optimiser: clipByGlobalNorm(
        config.clipNorm,
        adamw({
          learningRate: warmupCosine({
            peak: config.learningRate,
            warmup: config.warmUpSteps,
            total: config.scheduleEpochs * stepsPerEpoch(training.count, batching),
          }),
          beta1: 0.9,
          beta2: 0.95,
          weightDecay: config.weightDecay,
        }),
      ),
      training,
      evaluations: {
        train: { examples: training, ...evaluation },
        validation: { examples: validation, ...evaluation },
      },
      batching,
      length: `${config.epochs}ep`,
      probes: standardProbes(paperMomentsEvery(config.measureEvery), every(`${config.pruneEvery}ep`)),
      checkpoints: at("0"),
    };
    return experiment as Experiment;
  },
});
