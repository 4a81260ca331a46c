import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { readData } from "./files.js";
import { type ImageData, type ImageSet, type Normalisation, checkLabels, imageData } from "./images.js";
import type { ImageOptions } from "./mnist.js";
import { obtain } from "./obtain.js";
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

/**
 * CIFAR-10: 32 x 32 colour images of ten classes, from `<root>/cifar-10-batches-bin/` or, where that is absent, from
 * `<root>/cifar-10-binary.tar.gz`, which is unpacked first.
 * @throws DataError if a batch is truncated or holds a label above 9
 */
export async function openCifar10(options: ImageOptions = {}): Promise<ImageData> {
  const set = PUBLIC_SETS.cifar10;
  const found = await obtain(set, options);
  const common = { normalisation: CIFAR10_NORMALISATION, permuteLabels: options.permuteLabels };
  if ("absent" in found) {
    const provenance = {
      name: `generated textures (stand-in for ${set.title})`,
      standIn: true,
      source: found.absent,
    };
    const classNames = CLASS_NAMES.map((_, i) => `texture ${i}`);
    return imageData({
      ...common,
      classNames,
      training: textures(4000, "training"),
      test: textures(500, "test"),
      provenance,
    });
  }
  const folder = join(found.root, set.parts[0].folder);
  const batches = [1, 2, 3, 4, 5].map((n) => join(folder, `data_batch_${n}.bin`));
  return imageData({
    ...common,
    classNames: CLASS_NAMES,
    training: await readCifarBatches(batches),
    test: await readCifarBatches([join(folder, "test_batch.bin")]),
    provenance: { name: set.title, standIn: false, source: folder },
  });
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
