import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { DataError } from "../core/errors.js";

/** Transcripts of a batch, on the host. */
export interface Transcripts {
  /** n x longest, row-major; what lies beyond a label's length is ignored. */
  readonly labels: Int32Array;
  /** [n]: symbols in each transcript, at least 1. */
  readonly labelLengths: Int32Array;
  /** [n]: frames of each utterance. */
  readonly frames: Int32Array;
}

/**
 * Connectionist temporal classification loss (Graves et al. 2006) of each utterance: the negative log probability that
 * its frames spell its transcript, summed over all placements of repeats and blanks.
 * @param logits [time, n, symbols], before the softmax
 * @returns [n]
 * @throws DataError for a label that is the blank or no symbol, or an utterance too short for its transcript
 */
export function ctcLosses(logits: tf.Tensor3D, transcripts: Transcripts, blank = 0): tf.Tensor1D {
  checkTranscripts(logits.shape, transcripts, blank);
  const { labels, frames, labelLengths } = transcripts;
  return (fused().ctc ?? composedCtc)(logits, labels, frames, labelLengths, blank);
}

/** PyTorch's reduction "mean": each loss over its transcript's length, then the mean over the batch. */
export function ctcLoss(logits: tf.Tensor3D, transcripts: Transcripts, blank = 0): tf.Scalar {
  const lengths = tf.tensor1d(Float32Array.from(transcripts.labelLengths));
  return tf.mean(tf.div(ctcLosses(logits, transcripts, blank), lengths));
}

/** Stands for the logarithm of 0: finite, so that differences of two of them are numbers. */
const NEVER = -1e30;

/**
 * The forward recursion in log space, in tfjs operations and differentiated by the tape: what the fused versions must
 * equal. States are the symbols of a transcript with blanks between and around them, padded to the longest.
 */
export function composedCtc(
  logits: tf.Tensor3D,
  labels: Int32Array,
  frames: Int32Array,
  labelLengths: Int32Array,
  blank: number,
): tf.Tensor1D {
  const [time, n, symbols] = logits.shape;
  const { states, width, mayskip, last } = statesOf(labels, labelLengths, blank);
  const hot = tf.cast(tf.oneHot(tf.tensor2d(states, [n, width], "int32"), symbols), "float32");
  const logProbabilities = tf.transpose(tf.logSoftmax(logits), [1, 0, 2]); // [n, time, symbols]
  const emitted = tf.unstack(tf.matMul(logProbabilities, hot, false, true), 1); // time times [n, width]
  const skip = tf.tensor2d(mayskip, [n, width]);
  const from = (x: tf.Tensor, shift: number): tf.Tensor =>
    tf.pad(
      tf.slice(x, [0, 0], [n, width - shift]),
      [
        [0, 0],
        [shift, 0],
      ],
      NEVER,
    );

  const start = tf.tensor1d(Float32Array.from({ length: width }, (_, s) => (s < 2 ? 0 : NEVER)));
  let alpha: tf.Tensor = tf.add(emitted[0], start);
  for (let t = 1; t < time; t++) {
    const reached = logSumExp([alpha, from(alpha, 1), tf.add(from(alpha, 2), skip)]);
    const next = tf.add(reached, emitted[t]);
    const going = tf.tensor2d(
      Float32Array.from(frames, (length) => (t < length ? 1 : 0)),
      [n, 1],
    );
    alpha = tf.add(tf.mul(next, going), tf.mul(alpha, tf.sub(1, going))); // an ended utterance stays where it is
  }
  const ends = tf.reshape(alpha, [n * width]);
  const final = (offset: number): tf.Tensor =>
    tf.gather(
      ends,
      tf.tensor1d(
        last.map((s, i) => i * width + s - offset),
        "int32",
      ),
    );
  return tf.neg(logSumExp([final(0), final(1)])) as tf.Tensor1D;
}

interface States {
  /** n x width: the symbol of each state. */
  readonly states: Int32Array;
  readonly width: number;
  /** n x width: 0 where a state may be entered from two before (past a blank), else NEVER. */
  readonly mayskip: Float32Array;
  /** The last state of each transcript. */
  readonly last: Int32Array;
}

function statesOf(labels: Int32Array, labelLengths: Int32Array, blank: number): States {
  const n = labelLengths.length;
  const longest = labels.length / n;
  const width = 2 * longest + 1;
  const states = new Int32Array(n * width).fill(blank);
  const mayskip = new Float32Array(n * width).fill(NEVER);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < labelLengths[i]; j++) {
      const s = i * width + 2 * j + 1;
      states[s] = labels[i * longest + j];
      if (j > 0 && states[s] !== states[s - 2]) mayskip[s] = 0;
    }
  }
  return { states, width, mayskip, last: labelLengths.map((length) => 2 * length) };
}

function logSumExp(terms: tf.Tensor[]): tf.Tensor {
  const largest = terms.reduce((a, b) => tf.maximum(a, b));
  return tf.add(largest, tf.log(tf.addN(terms.map((x) => tf.exp(tf.sub(x, largest))))));
}

function checkTranscripts([time, n, symbols]: number[], transcripts: Transcripts, blank: number): void {
  const { labels, labelLengths, frames } = transcripts;
  const longest = labels.length / n;
  if (labelLengths.length !== n || frames.length !== n || !Number.isInteger(longest)) {
    throw new DataError(
      `ctc: ${n} utterances, found ${labelLengths.length} label and ${frames.length} frame lengths`,
    );
  }
  for (let i = 0; i < n; i++) {
    const text = labels.subarray(i * longest, i * longest + labelLengths[i]);
    const bad = text.find((symbol) => symbol === blank || symbol < 0 || symbol >= symbols);
    if (bad !== undefined) {
      throw new DataError(
        `ctc: utterance ${i}: expected symbols in [0, ${symbols}) but the blank ${blank}, found ${bad}`,
      );
    }
    const needed = text.reduce((count, symbol, j) => count + (j > 0 && symbol === text[j - 1] ? 2 : 1), 0);
    if (labelLengths[i] < 1 || text.length < labelLengths[i] || frames[i] > time || frames[i] < needed) {
      throw new DataError(
        `ctc: utterance ${i}: ${frames[i]} frames (of ${time}) cannot spell ${labelLengths[i]} symbols, which need ${needed}`,
      );
    }
  }
}
