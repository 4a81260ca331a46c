import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { exists } from "./files.js";
import { readIdx } from "./idx.js";
import { type ImageData, type ImageSet, type Normalisation, checkLabels } from "./images.js";
import { type ImageKind, type ImageOptions, openImages } from "./open-images.js";
import { PUBLIC_SETS } from "./sources.js";
import { digits } from "./standins/digits.js";

/** PAPER.md section 2. */
export const MNIST_NORMALISATION: Normalisation = { mean: [0.1307], std: [0.3081] };

/** How MNIST is read, called and stood in for. */
export const MNIST: ImageKind = {
  set: PUBLIC_SETS.mnist,
  words: {
    title: PUBLIC_SETS.mnist.title,
    layout: "digits in MNIST's layout",
    generated: "generated digits",
    unit: "images",
    training: 54_000,
  },
  normalisation: MNIST_NORMALISATION,
  classNames: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  needs: (split) => idxNames(split === "training" ? "train" : "t10k"),
  read: readIdxImages,
  generate: digits,
};

const SIDE = 28;

/**
 * MNIST: 28 x 28 grey images of digits, from `<root>/mnist/` (idx files, gzipped or not), or as torchvision and Kaggle
 * lay them out (`sources.ts`).
 * @throws DataError if a file is truncated, foreign or holds a label above 9
 */
export function openMnist(options: ImageOptions = {}): Promise<ImageData> {
  return openImages(MNIST, options);
}

function idxNames(split: string): string[] {
  return [`${split}-images-idx3-ubyte`, `${split}-labels-idx1-ubyte`];
}

/** Where the images and the labels of one MNIST split, "train" or "t10k", lie. */
export function idxPaths(folder: string, split: string): Promise<string[]> {
  return Promise.all(
    idxNames(split).map(async (name) => {
      const path = join(folder, name);
      return (await exists(path)) ? path : `${path}.gz`;
    }),
  );
}

/** The images and labels of the two files of a split. */
export async function readIdxImages([imagePath, labelPath]: readonly string[]): Promise<ImageSet> {
  const images = await readIdx(imagePath, 3);
  const labels = await readIdx(labelPath, 1);
  const [count, height, width] = images.shape;
  if (count === 0 || height !== SIDE || width !== SIDE) {
    throw new DataError(
      `${imagePath}: expected images of ${SIDE} x ${SIDE} pixels, found ${count} of ${height} x ${width}`,
    );
  }
  if (labels.data.length !== count) {
    throw new DataError(`${labelPath}: expected ${count} labels, one per image, found ${labels.data.length}`);
  }
  checkLabels(labelPath, labels.data, 10);
  return { pixels: images.data, labels: labels.data, count, height, width, channels: 1 };
}
