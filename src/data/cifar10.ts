import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { readData } from "./files.js";
import { type ImageData, type ImageSet, type Normalisation, checkLabels } from "./images.js";
import { type ImageKind, type ImageOptions, openImages } from "./open-images.js";
import { PUBLIC_SETS } from "./sources.js";
import { textures } from "./standins/textures.js";

/** PAPER.md section 2; red, green, blue. */
export const CIFAR10_NORMALISATION: Normalisation = {
  mean: [0.4914, 0.4822, 0.4465],
  std: [0.247, 0.2435, 0.2616],
};

const CLASS_NAMES = [
  "airplane",
  "automobile",
  "bird",
  "cat",
  "deer",
  "dog",
  "frog",
  "horse",
  "ship",
  "truck",
];
const SIDE = 32;
const PLANE = SIDE * SIDE;
const RECORD = 1 + 3 * PLANE;

/** How CIFAR-10 is read, called and stood in for. */
export const CIFAR10: ImageKind = {
  set: PUBLIC_SETS.cifar10,
  words: {
    title: PUBLIC_SETS.cifar10.title,
    layout: "images in CIFAR-10's layout",
    generated: "generated textures",
    unit: "images",
    training: 45_000,
  },
  normalisation: CIFAR10_NORMALISATION,
  classNames: CLASS_NAMES,
  paths: async (folder, split) => {
    const names = split === "test" ? ["test_batch"] : [1, 2, 3, 4, 5].map((n) => `data_batch_${n}`);
    return names.map((name) => join(folder, `${name}.bin`));
  },
  read: readCifarBatches,
  generate: textures,
  generatedClassNames: CLASS_NAMES.map((_, i) => `texture ${i}`),
};

/**
 * CIFAR-10: 32 x 32 colour images of ten classes, from `<root>/cifar-10-batches-bin/` or, where that is absent, from
 * `<root>/cifar-10-binary.tar.gz`, which is unpacked first.
 * @throws DataError if a batch is truncated or holds a label above 9
 */
export function openCifar10(options: ImageOptions = {}): Promise<ImageData> {
  return openImages(CIFAR10, options);
}

/**
 * Reads batches of the binary archive: records of one label byte, then 1024 red, 1024 green and 1024 blue bytes, which
 * become channel-last.
 */
export async function readCifarBatches(paths: readonly string[]): Promise<ImageSet> {
  const batches: Uint8Array[] = [];
  for (const path of paths) {
    const batch = await readData(path);
    if (batch.length === 0 || batch.length % RECORD !== 0) {
      throw new DataError(`${path}: expected whole records of ${RECORD} bytes, found ${batch.length} bytes`);
    }
    checkLabels(
      path,
      Uint8Array.from({ length: batch.length / RECORD }, (_, i) => batch[i * RECORD]),
      CLASS_NAMES.length,
    );
    batches.push(batch);
  }
  const count = batches.reduce((sum, batch) => sum + batch.length / RECORD, 0);
  const pixels = new Uint8Array(count * 3 * PLANE);
  const labels = new Uint8Array(count);
  let image = 0;
  for (const batch of batches) {
    for (let start = 0; start < batch.length; start += RECORD, image++) {
      labels[image] = batch[start];
      const to = image * 3 * PLANE;
      for (let c = 0; c < 3; c++) {
        const from = start + 1 + c * PLANE;
        for (let p = 0; p < PLANE; p++) pixels[to + 3 * p + c] = batch[from + p];
      }
    }
  }
  return { pixels, labels, count, height: SIDE, width: SIDE, channels: 3 };
}
