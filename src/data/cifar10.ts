import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { readData } from "./files.js";
import { type ImageData, type ImageSet, type Normalisation, checkLabels } from "./images.js";
import { type ImageKind, type ImageOptions, openImages } from "./open-images.js";
import { PickledArray, readPickle } from "./pickle.js";
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
  needs: (split) => {
    const names = split === "test" ? ["test_batch"] : [1, 2, 3, 4, 5].map((n) => `data_batch_${n}`);
    return names.map((name) => `${name}.bin`);
  },
  read: readCifarBatches,
  generate: textures,
  generatedClassNames: CLASS_NAMES.map((_, i) => `texture ${i}`),
};

/**
 * CIFAR-10: 32 x 32 colour images of ten classes, from `<root>/cifar-10-batches-bin/` (the binary version) or
 * `<root>/cifar-10-batches-py/` (the Python version; both hold the same images in the same order) or, where these are
 * absent, from `<root>/cifar-10-binary.tar.gz` or `<root>/cifar-10-python.tar.gz`, which are unpacked first.
 * @throws DataError if a batch is truncated or holds a label above 9
 */
export function openCifar10(options: ImageOptions = {}): Promise<ImageData> {
  return openImages(CIFAR10, options);
}

/** Rows of 1024 red, 1024 green and 1024 blue bytes with their labels. */
interface Batch {
  readonly rows: Uint8Array;
  readonly labels: Uint8Array;
}

/** Most bytes of one file of batches: all 60,000 images, and the names that the Python version has of them. */
const LONGEST = 60_000 * (RECORD + 64);

/** Reads batches of the binary or the Python version; the images become channel-last. */
export async function readCifarBatches(paths: readonly string[]): Promise<ImageSet> {
  const batches: Batch[] = [];
  for (const path of paths) {
    const bytes = await readData(path, () => LONGEST);
    const batch = /\.bin(\.gz)?$/.test(path) ? binaryBatch(bytes, path) : pythonBatch(bytes, path);
    checkLabels(path, batch.labels, CLASS_NAMES.length);
    batches.push(batch);
  }
  const count = batches.reduce((sum, { labels }) => sum + labels.length, 0);
  const pixels = new Uint8Array(count * 3 * PLANE);
  const labels = new Uint8Array(count);
  let image = 0;
  for (const batch of batches) {
    labels.set(batch.labels, image);
    for (let start = 0; start < batch.rows.length; start += 3 * PLANE, image++) {
      const to = image * 3 * PLANE;
      for (let c = 0; c < 3; c++) {
        const from = start + c * PLANE;
        for (let p = 0; p < PLANE; p++) pixels[to + 3 * p + c] = batch.rows[from + p];
      }
    }
  }
  return { pixels, labels, count, height: SIDE, width: SIDE, channels: 3 };
}

/** A batch of the binary version: records of a label byte and a row. */
function binaryBatch(bytes: Buffer, path: string): Batch {
  if (bytes.length === 0 || bytes.length % RECORD !== 0) {
    throw new DataError(`${path}: expected whole records of ${RECORD} bytes, found ${bytes.length} bytes`);
  }
  const count = bytes.length / RECORD;
  const rows = new Uint8Array(count * 3 * PLANE);
  for (let i = 0; i < count; i++) {
    rows.set(bytes.subarray(i * RECORD + 1, (i + 1) * RECORD), i * 3 * PLANE);
  }
  return { rows, labels: Uint8Array.from({ length: count }, (_, i) => bytes[i * RECORD]) };
}

/** A batch of the Python version: a pickled dictionary of `data`, [count, 3072], and `labels`, a list. */
function pythonBatch(bytes: Buffer, path: string): Batch {
  const value = readPickle(bytes, path);
  const [data, labels] = value instanceof Map ? [value.get("data"), value.get("labels")] : [];
  if (
    !(data instanceof PickledArray) ||
    data.shape.length !== 2 ||
    data.shape[1] !== 3 * PLANE ||
    data.shape[0] < 1
  ) {
    const found =
      data instanceof PickledArray ? `one of shape [${data.shape.slice(0, 8).join(", ")}]` : "none";
    throw new DataError(`${path}: expected an array "data" of rows of ${3 * PLANE} bytes, found ${found}`);
  }
  const [count] = data.shape;
  const list: readonly unknown[] = Array.isArray(labels) ? labels : [];
  if (list.length !== count) {
    throw new DataError(`${path}: expected ${count} labels, one per image, found ${list.length}`);
  }
  const wrong = list.findIndex(
    (label) => !Number.isInteger(label) || (label as number) < 0 || (label as number) > 9,
  );
  if (wrong >= 0) {
    throw new DataError(
      `${path}: label of image ${wrong} must be in [0, ${CLASS_NAMES.length}), found ${labelWord(list[wrong])}`,
    );
  }
  return { rows: data.data, labels: Uint8Array.from(list as number[]) };
}

/** A foreign label for a message. */
function labelWord(label: unknown): string {
  return typeof label === "number" || typeof label === "string" ? printable(String(label), 40) : "no number";
}
