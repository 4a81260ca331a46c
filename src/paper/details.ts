/**
 * The paper's own values of everything that decides an experiment, as data: what the text says or, where that is said, the
 * authors' code (PAPER.md section 2). The tables of appendix A put them beside what the task declarations and plans say.
 */
import type { ConfigValue } from "../core/config.js";

/** A known difference from the paper. */
export interface Difference {
  /** The value here. */
  readonly here: ConfigValue;
  readonly why: string;
}

/** A hyper-parameter of a task, and the paper's value of it. */
export interface PaperDetail {
  /** A field of the task's configuration, or a name that `builtValues` gives. */
  readonly field: string;
  /** What the table calls it. */
  readonly label: string;
  /** Absent where the paper does not state it. */
  readonly paper?: ConfigValue;
  /** The paper's values in settings where it is another. */
  readonly inSettings?: Readonly<Record<string, ConfigValue>>;
  /** Where the value is from, where that is not the place that the task names. */
  readonly from?: string;
  /** Names of special values: 0 is "all". */
  readonly words?: Readonly<Record<string, string>>;
  /** What is said of it, whether it differs or not. */
  readonly note?: string;
  readonly differs?: Difference;
}

/** An experiment of the paper. */
export interface PaperTask {
  readonly task: string;
  /** Where the paper describes it. */
  readonly where: string;
  /** The setting that `paper` values are of; default none. */
  readonly setting?: string;
  /** The other settings that are the paper's, and where it has them. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly details: readonly PaperDetail[];
}

/** Fields of configurations that change nothing but when something is measured or where data come from: no hyper-parameters. */
export const ONLY_MEASURE: readonly string[] = ["measureEvery", "pruneEvery", "standIn"];

const CODE = "authors' code";
const ALL = { "0": "all" };
const PAPER_MOMENTS = "start, 5 within epoch 1, every epoch";

const measured: PaperDetail = { field: "measured", label: "spectra measured", paper: PAPER_MOMENTS };
const pruned: PaperDetail = { field: "pruned", label: "pruned halves evaluated" };
const network: readonly PaperDetail[] = [
  { field: "parameters", label: "parameters" },
  { field: "matrices", label: "matrices" },
];
const amounts: readonly PaperDetail[] = [
  { field: "training", label: "training examples" },
  { field: "validation", label: "validation examples" },
  { field: "stepsPerEpoch", label: "updates per epoch" },
  { field: "steps", label: "updates in all" },
];
const evaluated: PaperDetail = {
  field: "evaluationLimit",
  label: "examples evaluated of a set",
  paper: 0,
  words: ALL,
};
const firstOnes: Difference = {
  here: 10_000,
  why: "a measurement would take longer than the epoch before it (quirks 12)",
};
const adamw = (beta1?: number, beta2?: number): readonly PaperDetail[] => [
  { field: "optimiser", label: "optimiser", paper: "AdamW" },
  { field: "beta1", label: "AdamW β₁", paper: beta1 },
  { field: "beta2", label: "AdamW β₂", paper: beta2 },
  { field: "epsilon", label: "AdamW ε", paper: 1e-8 },
];
const sgd: readonly PaperDetail[] = [
  { field: "optimiser", label: "optimiser", paper: "SGD" },
  { field: "momentum", label: "momentum", paper: 0.9 },
];
/** 90 and 10 per cent of a public set's training images: the last 10 % of a fixed shuffle validate. */
const images = (training: number, validation: number): readonly PaperDetail[] => [
  { field: "training", label: "training images", paper: training },
  { field: "validation", label: "validation images", paper: validation },
  { field: "trainingExamples", label: "images trained on", paper: 0, words: ALL },
];
const cifarPixels: readonly PaperDetail[] = [
  { field: "pixelMean", label: "pixel means subtracted", paper: "0.4914 / 0.4822 / 0.4465" },
  { field: "pixelStd", label: "pixel deviations divided by", paper: "0.247 / 0.2435 / 0.2616" },
];
const epsilonOf = (layers: string): PaperDetail => ({
  field: "normalisationEpsilon",
  label: `${layers} ε`,
  paper: 1e-5,
});

/** The paper's experiments, in its order. */
export const PAPER_TASKS: readonly PaperTask[] = [
  {
    task: "modular-addition",
    where: "sections 3 and A.1",
    setting: "decay",
    settings: {
      "no-decay": "figure 2, first row",
      slingshot: "figure 2, third row",
      "more-data": "figure 2, fourth row",
    },
    details: [
      { field: "modulus", label: "modulus p", paper: 113, inSettings: { slingshot: 97 } },
      {
        field: "trainingFraction",
        label: "share of the p² pairs trained on",
        paper: 0.3,
        inSettings: { slingshot: 0.7, "more-data": 0.9 },
      },
      { field: "width", label: "width", paper: 128 },
      { field: "heads", label: "attention heads", paper: 4 },
      { field: "hidden", label: "hidden units of the MLP", paper: 512 },
      { field: "layerNorm", label: "LayerNorm", paper: false, inSettings: { slingshot: true } },
      epsilonOf("LayerNorm"),
      ...network,
      ...adamw(0.9, 0.98),
      { field: "learningRate", label: "learning rate", paper: 1e-3 },
      {
        field: "warmUpSteps",
        label: "warm-up (updates)",
        paper: 0,
        inSettings: { slingshot: 10 },
        words: { "0": "none" },
      },
      {
        field: "rates:5it,10it",
        label: "rate / peak at updates 5, 10",
        paper: "1, 1",
        inSettings: { slingshot: "0.5, 1" },
      },
      {
        field: "weightDecay",
        label: "weight decay",
        paper: 1,
        inSettings: { "no-decay": 0, slingshot: 0, "more-data": 0 },
      },
      {
        field: "batchSize",
        label: "batch",
        paper: 0,
        inSettings: { slingshot: 512 },
        words: { "0": "full" },
        note: "written as 16,384, more than there are pairs",
      },
      { field: "epochs", label: "epochs", paper: 40_000, inSettings: { slingshot: 100_000 } },
      {
        field: "epochsAfterGrokking",
        label: "ends so long after grokking",
        paper: 0,
        words: { "0": "does not" },
      },
      ...amounts,
      {
        ...measured,
        differs: {
          here: "every 100 epochs",
          why: "an epoch is one update or a few: every hundredth draws the same curves",
        },
      },
      pruned,
    ],
  },
  {
    task: "vgg",
    where: "sections 4 and A.1",
    details: [
      { field: "data", label: "data", paper: "CIFAR-10" },
      ...images(45_000, 5_000),
      { field: "trainingPart", label: "part of the images", paper: 0, words: { "0": "the first or only" } },
      ...cifarPixels,
      { field: "depth", label: "depth", paper: 16 },
      { field: "channels", label: "channels of the first level", paper: 64, note: "the head reads 512" },
      epsilonOf("BatchNorm"),
      { field: "normalisationMomentum", label: "BatchNorm momentum", paper: 0.1 },
      ...network,
      ...sgd,
      { field: "learningRate", label: "learning rate", paper: 0.1 },
      {
        field: "milestones",
        label: "a tenth of it after epochs",
        paper: "82,120,160",
        differs: { here: "82,123,160", why: "what the authors' code does (quirks 2)" },
      },
      {
        field: "rates:81ep,82ep,123ep,160ep",
        label: "rate / peak at epochs 81, 82, 123, 160",
        paper: "1, 0.1, 0.01, 0.001",
      },
      { field: "weightDecay", label: "weight decay", paper: 1e-4 },
      { field: "batchSize", label: "batch", paper: 128 },
      { field: "epochs", label: "epochs", paper: 164 },
      { field: "stepsPerEpoch", label: "updates per epoch", paper: 352, from: "section A.9" },
      { field: "steps", label: "updates in all" },
      { ...evaluated, differs: firstOnes },
      measured,
      pruned,
    ],
  },
  {
    task: "unet",
    where: "sections 4 and A.1",
    details: [
      { field: "data", label: "data", paper: "MNIST" },
      ...images(54_000, 6_000),
      { field: "pixelMean", label: "pixel mean subtracted", paper: "0.1307" },
      { field: "pixelStd", label: "pixel deviation divided by", paper: "0.3081" },
      { field: "diffusionSteps", label: "diffusion steps", paper: 1000 },
      { field: "firstBeta", label: "first β", paper: 2.234e-5 },
      { field: "lastBeta", label: "last β", paper: 0.004988 },
      { field: "channels", label: "channels of the first level", paper: 64 },
      { field: "embedding", label: "time embedding", paper: 512 },
      epsilonOf("GroupNorm"),
      ...network,
      ...adamw(),
      { field: "learningRate", label: "learning rate", paper: 3e-4 },
      { field: "rates:0ep,50ep,99ep", label: "rate / peak at epochs 0, 50, 99" },
      { field: "weightDecay", label: "weight decay", paper: 0 },
      { field: "batchSize", label: "batch", paper: 128 },
      { field: "epochs", label: "epochs", paper: 100 },
      { field: "stepsPerEpoch", label: "updates per epoch" },
      { field: "steps", label: "updates in all" },
      { ...evaluated, differs: firstOnes },
      measured,
      pruned,
    ],
  },
  {
    task: "lstm",
    where: "section 4",
    setting: "decay",
    settings: { "no-decay": "figures 6, 7 and 14" },
    details: [
      {
        field: "data",
        label: "data",
        paper: "LibriSpeech",
        note: "train-clean-100, validated on dev-clean",
      },
      { field: "utterances", label: "utterances trained on", paper: 0, words: ALL },
      { field: "window", label: "samples of a Fourier window", paper: 400 },
      { field: "hop", label: "samples between windows", paper: 160 },
      { field: "sampleRate", label: "samples per second" },
      { field: "bands", label: "mel bands", paper: 40 },
      { field: "averaged", label: "frames averaged into one", paper: 3 },
      { field: "symbols", label: "characters, with the blank", paper: 29 },
      { field: "layers", label: "bidirectional layers", paper: 4 },
      { field: "hidden", label: "units per direction", paper: 256 },
      ...network,
      ...adamw(),
      { field: "learningRate", label: "learning rate", paper: 3e-4 },
      {
        field: "rates:0ep,10ep,25ep,40ep",
        label: "rate / peak at epochs 0, 10, 25, 40",
        paper: "1, 0.9, 0.5, 0.095",
      },
      { field: "weightDecay", label: "weight decay", paper: 0.1, inSettings: { "no-decay": 0 } },
      { field: "batchSize", label: "batch", paper: 32 },
      { field: "epochs", label: "epochs", paper: 50 },
      ...amounts,
      evaluated,
      measured,
      pruned,
    ],
  },
  {
    task: "transformer",
    where: "section 4",
    setting: "decay",
    settings: { "no-decay": "figures 6, 7 and 14" },
    details: [
      { field: "data", label: "data", paper: "WikiText-103" },
      { field: "words", label: "words trained on", paper: 0, words: ALL },
      { field: "tokeniser", label: "tokens", paper: "gpt-neox-20b" },
      { field: "vocabularySize", label: "largest vocabulary, where tokens are words" },
      { field: "sequenceLength", label: "tokens of a sequence", paper: 2048 },
      { field: "layers", label: "blocks", paper: 12 },
      { field: "width", label: "width", paper: 768 },
      { field: "heads", label: "attention heads", paper: 12 },
      { field: "hidden", label: "hidden units of an MLP", paper: 768 },
      epsilonOf("LayerNorm"),
      ...network,
      ...adamw(0.9, 0.95),
      { field: "clipNorm", label: "gradient norm at most" },
      { field: "learningRate", label: "learning rate", paper: 6e-4 },
      { field: "warmUpSteps", label: "warm-up (updates)", paper: 200 },
      { field: "scheduleEpochs", label: "epochs of the schedule", paper: 30 },
      {
        field: "rates:100it,200it,10ep",
        label: "rate / peak at updates 100, 200 and epoch 10",
        paper: "0.5, 0.1, 0.81",
        from: CODE,
        differs: { here: "0.5, 1, 0.81", why: "the code's slip of one update is left out (quirks 7)" },
      },
      { field: "weightDecay", label: "weight decay", paper: 0.1, inSettings: { "no-decay": 0 } },
      { field: "batchSize", label: "sequences of a batch", paper: 4 },
      { field: "accumulation", label: "batches of an update", paper: 64 },
      { field: "epochs", label: "epochs", paper: 10 },
      evaluated,
      measured,
      pruned,
    ],
  },
  {
    task: "mlp-labels",
    where: "section 6",
    setting: "true",
    settings: { random: "figure 8, second row" },
    details: [
      { field: "data", label: "data", paper: "CIFAR-10" },
      { field: "randomLabels", label: "labels permuted", paper: false, inSettings: { random: true } },
      ...images(45_000, 5_000),
      ...cifarPixels,
      { field: "inputs", label: "inputs", paper: 3072 },
      { field: "layers", label: "linear layers", paper: 4 },
      { field: "hidden", label: "hidden units", paper: 256 },
      ...network,
      ...sgd,
      { field: "learningRate", label: "learning rate", paper: 1e-3 },
      {
        field: "rates:0ep,150ep,299ep",
        label: "rate / peak at epochs 0, 150, 299",
        paper: "1, 1, 1",
      },
      { field: "weightDecay", label: "weight decay", paper: 0 },
      { field: "batchSize", label: "batch", paper: 128 },
      { field: "epochs", label: "epochs", paper: 300 },
      { field: "stepsPerEpoch", label: "updates per epoch" },
      { field: "steps", label: "updates in all" },
      { ...evaluated, differs: firstOnes },
      measured,
      pruned,
    ],
  },
];

/** One list of a figure's sweep, and the paper's. */
export interface PaperGrid {
  readonly figures: readonly number[];
  readonly task: string;
  /** Each quantity by its name in `planValues`: what the paper has. */
  readonly paper: Readonly<Record<string, string>>;
  readonly where: string;
  /** By quantity. */
  readonly differs?: Readonly<Record<string, Difference>>;
}

const FOUR = ["vgg", "unet", "lstm", "transformer"];
const SPLITS_IN_EPOCHS = "0, 0.2ep, 0.4ep, 0.6ep, 0.8ep, 1ep, 2ep, 3ep, 4ep, 5ep";
const VGG_SPLITS = "0, 70it, 140it, 210it, 280it, 1ep, 2ep, 3ep, 4ep, 5ep";
const NOISE = "0, 0.1, 0.25, 0.5, 1, 2.5";

const kept = (here: string): Difference => ({
  here,
  why: `the leading ${here} singular vectors are kept whenever spectra are measured, in place of all weights`,
});

/** What the sweeps of figures 6, 7 and 9 to 14 have in the paper. */
export const PAPER_GRIDS: readonly PaperGrid[] = [
  ...FOUR.map((task): PaperGrid => ({
    figures: [6, 7, 14],
    task,
    where: "sections 5 and A.5, as shown",
    paper: { seeds: "3", "weight decays": task === "vgg" ? "0, 0.001, 0.01, 0.1" : "0, 0.1, 1, 10" },
  })),
  ...FOUR.map((task): PaperGrid => ({
    figures: [9],
    task,
    where: "figure 9",
    paper: { seeds: "3", "singular pairs followed": "100" },
    differs: { "singular pairs followed": kept("40") },
  })),
  {
    figures: [10],
    task: "vgg",
    where: "sections 7.2 and A.8",
    paper: {
      seeds: "3",
      "order seeds": "3, 4, 5",
      masks: "magnitude, random",
      "share of weights kept": "0.05",
      "branches start at": "5ep",
      "singular pairs compared": "100",
      "singular pairs followed": "100",
    },
    differs: { "singular pairs followed": kept("20") },
  },
  ...FOUR.map((task): PaperGrid => ({
    figures: [11, 12],
    task,
    where: "sections 7.3 and A.9",
    paper: {
      seeds: "3",
      "order seeds": "3, 4, 5",
      "branches start at": task === "vgg" ? VGG_SPLITS : SPLITS_IN_EPOCHS,
      "pairs of one trunk, per start": "9",
      "pairs of two trunks, per start": "9",
      ...comparedOf(task),
    },
  })),
  ...FOUR.map((task): PaperGrid => ({
    figures: [13],
    task,
    where: "section A.10; own noise in the code, shared in the text",
    paper: {
      seeds: "3",
      "branches start at": "4ep",
      "sizes of noise": NOISE,
      "noise of branches": "own, shared",
      ...comparedOf(task),
    },
  })),
];

/** How branches are compared: barriers at 11 points, on all training images or on 1,000 examples of speech and text. */
function comparedOf(task: string): Readonly<Record<string, string>> {
  const images = task === "vgg" || task === "unet";
  return {
    "points of a barrier": "11",
    "examples of a barrier": images ? "all" : "1,000",
    "singular pairs compared": "100",
  };
}
