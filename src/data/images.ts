import { DataError } from "../core/errors.js";
import { type Random, randomStream } from "../core/random.js";
import type { Dataset, FloatArray, HostExamples, IntArray } from "./dataset.js";
import { allIndices, checkIndices, subset } from "./examples.js";
import type { DataOrigin } from "./provenance.js";

/** Labelled images as bytes, so that all of CIFAR-10 takes 180 MB; a batch is normalised when it is drawn. */
export interface ImageSet {
  /** [count, height, width, channels], channel last, 0 to 255. */
  readonly pixels: Uint8Array;
  /** [count], each in [0, classes). */
  readonly labels: Uint8Array;
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** One batch of normalised images. */
export interface ImageBatch {
  /** F32 [batch, height, width, channels]: (pixel / 255 - mean) / std, by channel. */
  readonly images: FloatArray;
  /** I32 [batch]. */
  readonly labels: IntArray;
}

/** How pixels are normalised, one number per channel, on the scale where white is 1. */
export interface Normalisation {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** A data set of images with its test set, which nothing trains on or selects by. */
export interface ImageData extends Dataset<ImageBatch> {
  readonly test: HostExamples<ImageBatch>;
  /** What the labels mean, in order. */
  readonly classNames: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The images of `set` named by `members`, drawn as normalised batches. */
export function imageExamples(
  set: ImageSet,
  normalisation: Normalisation,
  members: Int32Array = allIndices(set.count),
): HostExamples<ImageBatch> {
  const { height, width, channels } = set;
  const size = height * width * channels;
  const tables = normalisation.mean.map((mean, c) =>
    Float32Array.from({ length: 256 }, (_, byte) => (byte / 255 - mean) / normalisation.std[c]),
  );
  return {
    count: members.length,
    batch(indices) {
      checkIndices("images", indices, members.length);
      const count = indices.length;
      const images = new Float32Array(count * size);
      const labels = new Int32Array(count);
      for (let i = 0; i < count; i++) {
        const member = members[indices[i]];
        labels[i] = set.labels[member];
        const from = member * size;
        for (let c = 0; c < channels; c++) {
          const table = tables[c];
          for (let j = c; j < size; j += channels) images[i * size + j] = table[set.pixels[from + j]];
        }
      }
      return {
        images: { dtype: "F32", shape: [count, height, width, channels], data: images },
        labels: { dtype: "I32", shape: [count], data: labels },
      };
    },
  };
}

/** Seed of the split into training and validation images, the same for every run (PAPER.md section 2). */
const SPLIT_SEED = 42;

/** What an image data set is made of. */
export interface ImageParts {
  readonly training: ImageSet;
  readonly test: ImageSet;
  readonly normalisation: Normalisation;
  readonly classNames: readonly string[];
  readonly origin: DataOrigin;
  /** Permutes labels by the streams `data/labels` and `data/labels/validation` of this seed: the random-label task. */
  readonly permuteLabels?: number;
}

/**
 * Splits the training images: the last 10 % of a fixed shuffle (seed 42, stream `data/split`) validate.
 * With `permuteLabels` the labels of each of these two parts are permuted among its images, which keeps their frequencies and
 * breaks their meaning, of the validation part too (PAPER.md section 2); test labels stay true.
 * @throws DataError if there are fewer than 10 training images
 */
export function imageData(parts: ImageParts): ImageData {
  const { training, test, normalisation, classNames, origin, permuteLabels } = parts;
  if (training.count < 10) {
    throw new DataError(`${origin.name}: at least 10 training images are needed, found ${training.count}`);
  }
  const order = randomStream(SPLIT_SEED, "data/split").permutation(training.count);
  const trained = training.count - Math.floor(training.count / 10);
  const [members, validating] = [order.subarray(0, trained), order.subarray(trained)];
  const shown = (part: Int32Array, stream: string): ImageSet =>
    permuteLabels === undefined
      ? training
      : withPermutedLabels(training, part, randomStream(permuteLabels, stream));
  return {
    provenance: { ...origin, training: trained, validation: training.count - trained },
    training: imageExamples(shown(members, "data/labels"), normalisation, members),
    validation: imageExamples(shown(validating, "data/labels/validation"), normalisation, validating),
    test: imageExamples(test, normalisation),
    classNames,
    height: training.height,
    width: training.width,
    channels: training.channels,
  };
}

/**
 * The same data with a fixed random choice of `count` of the training images (`subset`), and a provenance that says so;
 * 0, or as many as there are, is all of them. The fingerprint stays that of the whole.
 * @param part which of several choices without an image in common
 * @throws ConfigError if `count` is not an integer >= 0, or if there are not enough images for the part
 */
export function withTrainingImages(data: ImageData, count: number, part = 0): ImageData {
  if (count === 0 && part === 0) return data;
  const training = subset(data.training, count, part);
  return { ...data, training, provenance: { ...data.provenance, training: training.count } };
}

function withPermutedLabels(set: ImageSet, members: Int32Array, random: Random): ImageSet {
  const order = random.permutation(members.length);
  const labels = Uint8Array.from(set.labels);
  members.forEach((member, i) => (labels[member] = set.labels[members[order[i]]]));
  return { ...set, labels };
}

/** @throws DataError naming `place` and the image if a label is not below `classes`. */
export function checkLabels(place: string, labels: Uint8Array, classes: number): void {
  const bad = labels.findIndex((label) => label >= classes);
  if (bad >= 0) {
    throw new DataError(`${place}: label of image ${bad} must be in [0, ${classes}), found ${labels[bad]}`);
  }
}
