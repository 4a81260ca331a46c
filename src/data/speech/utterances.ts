import { DataError } from "../../core/errors.js";
import { largest } from "../../core/extent.js";
import type { FloatArray, HostExamples, IntArray } from "../dataset.js";
import { checkIndices } from "../examples.js";
import { decodeLabels } from "./characters.js";
import type { Frames } from "./mel.js";

/** One spoken sentence. */
export interface Utterance {
  /** "101-1001-0000" */
  readonly id: string;
  /** [frames.count, 40]. */
  readonly frames: Frames;
  readonly labels: Int32Array;
  /** SHA-256 of its sound file, hexadecimal; of generated sound, of what is the same on every machine. */
  readonly sha256: string;
}

/** One batch of speech, padded with zeros to its longest utterance and its longest transcript. */
export interface SpeechBatch {
  /** F32 [time, batch, bands]: time-major, as recurrent networks read it. */
  readonly features: FloatArray;
  /** I32 [batch]: frames of each utterance, >= 1. */
  readonly frameLengths: IntArray;
  /** I32 [batch, longest]: labels in [1, 28], then zeros. */
  readonly labels: IntArray;
  /** I32 [batch]: labels of each utterance, >= 1. */
  readonly labelLengths: IntArray;
}

/** Utterances as batches. Their lengths are there for a loop that wants to put similar ones together. */
export interface SpeechExamples extends HostExamples<SpeechBatch> {
  readonly ids: readonly string[];
  /** Frames of every utterance. */
  readonly lengths: Int32Array;
  /** Lower case. */
  readonly transcripts: readonly string[];
  /** Of every sound file (`Utterance.sha256`). */
  readonly digests: readonly string[];
}

/**
 * Utterances in whose frames CTC cannot spell the transcript have an infinite loss; they are left out, with a warning.
 * @throws DataError if none is left
 */
export function speechExamples(all: readonly Utterance[], place: string): SpeechExamples {
  const utterances = all.filter(({ frames, labels }) => frames.count >= framesNeeded(labels));
  if (utterances.length === 0) throw new DataError(`${place}: no utterances`);
  if (utterances.length < all.length) {
    const left = `${all.length - utterances.length} of ${all.length} utterances are left out`;
    process.emitWarning(`${place}: ${left}: too few frames for their transcripts`, "SpectralWarning");
  }
  return {
    count: utterances.length,
    ids: utterances.map(({ id }) => id),
    lengths: Int32Array.from(utterances, ({ frames }) => frames.count),
    transcripts: utterances.map(({ labels }) => decodeLabels(labels)),
    digests: utterances.map(({ sha256 }) => sha256),
    batch(indices) {
      checkIndices(place, indices, utterances.length);
      return pad(Array.from(indices, (index) => utterances[index]));
    },
  };
}

/** CTC needs a frame per label, and one for the blank between equal neighbours. */
function framesNeeded(labels: Int32Array): number {
  return labels.reduce((sum, label, i) => sum + (i > 0 && label === labels[i - 1] ? 2 : 1), 0);
}

function pad(utterances: readonly Utterance[]): SpeechBatch {
  const size = utterances.length;
  const bands = utterances[0].frames.bands;
  const time = largest(utterances.map(({ frames }) => frames.count));
  const longest = largest(utterances.map(({ labels }) => labels.length));
  const features = new Float32Array(time * size * bands);
  const labels = new Int32Array(size * longest);
  utterances.forEach(({ frames, labels: own }, b) => {
    for (let t = 0; t < frames.count; t++) {
      features.set(frames.data.subarray(t * bands, (t + 1) * bands), (t * size + b) * bands);
    }
    labels.set(own, b * longest);
  });
  const integers = (values: number[]): IntArray => ({
    dtype: "I32",
    shape: [size],
    data: Int32Array.from(values),
  });
  return {
    features: { dtype: "F32", shape: [time, size, bands], data: features },
    frameLengths: integers(utterances.map(({ frames }) => frames.count)),
    labels: { dtype: "I32", shape: [size, longest], data: labels },
    labelLengths: integers(utterances.map((utterance) => utterance.labels.length)),
  };
}
