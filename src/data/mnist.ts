import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { exists, readData } from "./files.js";
import { parseIdx } from "./idx.js";
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
  paths: (folder, split) => idxPaths(folder, split === "training" ? "train" : "t10k"),
  read: readIdxImages,
  generate: digits,
};

/**
 * MNIST: 28 x 28 grey images of digits, from `<root>/mnist/` (idx files, gzipped or not).
 * @throws DataError if a file is truncated, foreign or holds a label above 9
 */
export function openMnist(options: ImageOptions = {}): Promise<ImageData> {
  return openImages(MNIST, options);
}

/** Where the images and the labels of one MNIST split, "train" or "t10k", lie. */
export function idxPaths(folder: string, split: string): Promise<string[]> {
  return Promise.all(
    [`${split}-images-idx3-ubyte`, `${split}-labels-idx1-ubyte`].map(async (name) => {
      const path = join(folder, name);
      return (await exists(path)) ? path : `${path}.gz`;
    }),
  );
}

/** The images and labels of the two files of a split. */
export async function readIdxImages([imagePath, labelPath]: readonly string[]): Promise<ImageSet> {
  const images = parseIdx(await readData(imagePath), 3, imagePath);
  const labels = parseIdx(await readData(labelPath), 1, labelPath);
  const [count, height, width] = images.shape;
  if (labels.data.length !== count) {
    throw new DataError(`${labelPath}: expected ${count} labels, one per image, found ${labels.data.length}`);
  }
  checkLabels(labelPath, labels.data, 10);
  return { pixels: images.data, labels: labels.data, count, height, width, channels: 1 };
}
