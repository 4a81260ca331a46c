import { join } from "node:path";
import { DataError } from "../core/errors.js";
import type { DataOptions } from "./dataset.js";
import { exists, readData } from "./files.js";
import { parseIdx } from "./idx.js";
import { type ImageData, type ImageSet, type Normalisation, checkLabels, imageData } from "./images.js";
import { obtain } from "./obtain.js";
import { PUBLIC_SETS } from "./sources.js";
import { digits } from "./standins/digits.js";

/** PAPER.md section 2. */
export const MNIST_NORMALISATION: Normalisation = { mean: [0.1307], std: [0.3081] };

const CLASS_NAMES = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

export interface ImageOptions extends DataOptions {
  /** Permutes the training labels by this seed, for the random-label task. */
  readonly permuteLabels?: number;
}

/**
 * MNIST: 28 x 28 grey images of digits, from `<root>/mnist/` (idx files, gzipped or not).
 * @throws DataError if a file is truncated, foreign or holds a label above 9
 */
export async function openMnist(options: ImageOptions = {}): Promise<ImageData> {
  const set = PUBLIC_SETS.mnist;
  const found = await obtain(set, options);
  const common = {
    normalisation: MNIST_NORMALISATION,
    classNames: CLASS_NAMES,
    permuteLabels: options.permuteLabels,
  };
  if ("absent" in found) {
    const provenance = {
      name: `generated digits (stand-in for ${set.title})`,
      standIn: true,
      source: found.absent,
    };
    return imageData({
      ...common,
      training: digits(4000, "training"),
      test: digits(500, "test"),
      provenance,
    });
  }
  const folder = join(found.root, set.parts[0].folder);
  return imageData({
    ...common,
    training: await readIdxImages(folder, "train"),
    test: await readIdxImages(folder, "t10k"),
    provenance: { name: set.title, standIn: false, source: folder },
  });
}

/** The images and labels of one MNIST split, "train" or "t10k". */
export async function readIdxImages(folder: string, split: string): Promise<ImageSet> {
  const imagePath = await withOrWithoutGz(join(folder, `${split}-images-idx3-ubyte`));
  const labelPath = await withOrWithoutGz(join(folder, `${split}-labels-idx1-ubyte`));
  const images = parseIdx(await readData(imagePath), 3, imagePath);
  const labels = parseIdx(await readData(labelPath), 1, labelPath);
  const [count, height, width] = images.shape;
  if (labels.data.length !== count) {
    throw new DataError(`${labelPath}: expected ${count} labels, one per image, found ${labels.data.length}`);
  }
  checkLabels(labelPath, labels.data, CLASS_NAMES.length);
  return { pixels: images.data, labels: labels.data, count, height, width, channels: 1 };
}

async function withOrWithoutGz(path: string): Promise<string> {
  return (await exists(path)) ? path : `${path}.gz`;
}
