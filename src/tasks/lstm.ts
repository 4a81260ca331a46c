import * as tf from "@tensorflow/tfjs";
import { between, whole } from "../core/config.js";
import { at, every } from "../core/time.js";
import { openLibriSpeech, type SpeechData } from "../data/librispeech.js";
import { CHARACTERS } from "../data/speech/characters.js";
import { MEL } from "../data/speech/mel.js";
import type { SpeechExamples } from "../data/speech/utterances.js";
import type { SpeechTensors } from "../models/lstm.js";
import { lstm as network } from "../models/lstm.js";
import { adamw } from "../optim/adamw.js";
import { cosinePerEpoch } from "../optim/schedules.js";
import { type Examples, stepsPerEpoch } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { paperMomentsEvery, standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

/** Settings of speech recognition; the defaults are the paper's. */
export type LstmConfig = {
  /** Units per direction. */
  readonly hidden: number;
  readonly layers: number;
  /** Falls to 0 by a half cosine, once per epoch. */
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly batchSize: number;
  readonly epochs: number;
  /** Use the first so many utterances of each split; 0 is all. */
  readonly utterances: number;
  /** Evaluate on the first so many utterances of each split; 0 is all. */
  readonly evaluationLimit: number;
  /** Epochs between two measurements after the first epoch, which has five. */
  readonly measureEvery: number;
  /** Epochs between two pruning measurements, each of which costs two evaluations. */
  readonly pruneEvery: number;
  /** Generated tones in place of LibriSpeech. */
  readonly standIn: boolean;
};

const defaults: LstmConfig = {
  hidden: 256,
  layers: 4,
  learningRate: 3e-4,
  weightDecay: 0.1,
  batchSize: 32,
  epochs: 50,
  utterances: 0,
  evaluationLimit: 0,
  measureEvery: 1,
  pruneEvery: 1,
  standIn: false,
};

const settings = { "no-decay": { weightDecay: 0 }, decay: {} };

/**
 * Speech recognition (section 4, figures 3 to 5): a four-layer bidirectional LSTM with CTC loss on LibriSpeech.
 * Metrics: CTC loss per character of an utterance, character error and word error by greedy decoding.
 */
export const lstm = defineTask({
  name: "lstm",
  title: "Speech recognition: LSTM on LibriSpeech",
  section: "4 Spectral dynamics (figures 3 to 5)",
  dataSet: "librispeech",
  defaults,
  checks: {
    hidden: whole(1),
    layers: whole(1),
    learningRate: between(0, 1),
    weightDecay: between(0, 1000),
    batchSize: whole(1),
    epochs: whole(1),
    utterances: whole(0),
    evaluationLimit: whole(0),
    measureEvery: whole(1),
    pruneEvery: whole(1),
  },
  measuring: ["measureEvery", "pruneEvery", "evaluationLimit", "standIn"],
  profiles: {
    quick: {
      summary: "3 layers of width 32, batches of 2, at most 216 utterances: about a minute on two CPU cores",
      config: {
        hidden: 32,
        layers: 3, // a fourth keeps the loss on CTC's first plateau for longer than a minute
        learningRate: 5e-3,
        batchSize: 2,
        epochs: 15,
        utterances: 216,
        evaluationLimit: 48,
        pruneEvery: 3,
      },
      settings,
    },
    lab: {
      summary: "full width, at most 216 utterances, 110 epochs: 4 minutes on one H100",
      config: { epochs: 110, utterances: 216, evaluationLimit: 48, measureEvery: 11, pruneEvery: 22 },
      settings,
    },
    paper: {
      summary: "the paper's own settings",
      config: {},
      settings,
    },
  },
  open: (config: LstmConfig, _seed, options) =>
    openLibriSpeech({ ...standInOf(config, options), limit: config.utterances || undefined }),
  build(config: LstmConfig, _seed, data: SpeechData): Experiment {
    const training = speechTensors(data.training);
    const validation = speechTensors(data.validation);
    const { batchSize, epochs } = config;
    const evaluation = { batchSize, limit: config.evaluationLimit || undefined };
    const experiment: Experiment<SpeechTensors> = {
      model: network({
        features: MEL.bands,
        hidden: config.hidden,
        layers: config.layers,
        symbols: CHARACTERS.length,
        wordSeparator: CHARACTERS.indexOf(" "),
      }),
      optimiser: adamw({
        learningRate: cosinePerEpoch({
          peak: config.learningRate,
          epochs,
          stepsPerEpoch: stepsPerEpoch(training.count, { batchSize }),
        }),
        weightDecay: config.weightDecay,
      }),
      training,
      evaluations: {
        train: { examples: training, ...evaluation },
        validation: { examples: validation, ...evaluation },
      },
      batching: { batchSize },
      length: `${epochs}ep`,
      probes: standardProbes(paperMomentsEvery(config.measureEvery), every(`${config.pruneEvery}ep`)),
      checkpoints: at("0"),
    };
    return experiment as Experiment;
  },
});

/** Features go to the device; transcripts and lengths stay on the host, where CTC reads them. */
function speechTensors(examples: SpeechExamples): Examples<SpeechTensors> {
  return {
    count: examples.count,
    fixed: true,
    batch(indices) {
      const { features, frameLengths, labels, labelLengths } = examples.batch(indices);
      const [time, n, bands] = features.shape;
      return {
        features: tf.tensor3d(features.data, [time, n, bands]),
        frames: frameLengths.data,
        labels: labels.data,
        labelLengths: labelLengths.data,
      };
    },
  };
}
