import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { ConfigError, DataError } from "spectral-lab/core/errors";
import { subset } from "spectral-lab/data/examples";
import { sha256Of } from "spectral-lab/data/fingerprint";
import { parseIdx } from "spectral-lab/data/idx";
import { withTrainingImages } from "spectral-lab/data/images";
import { MNIST, idxPaths, openMnist, readIdxImages } from "spectral-lab/data/mnist";
import { openImages } from "spectral-lab/data/open-images";
import { describeData } from "spectral-lab/data/provenance";
import { range, temporaryFolder } from "./temporary.js";

function idx(shape: number[], data: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 + shape.length);
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, data]);
}

/** Lays out a tiny MNIST: image i holds 784 bytes of value i, with label i mod 10. */
function layOut(root: string, { zipped = true, badLabel = false } = {}): string {
  const folder = join(root, "mnist");
  mkdirSync(folder);
  for (const [split, count] of [["train", 20] as const, ["t10k", 6] as const]) {
    const pixels = Uint8Array.from({ length: count * 784 }, (_, i) => Math.floor(i / 784));
    const labels = Uint8Array.from({ length: count }, (_, i) => i % 10);
    if (badLabel) labels[3] = 10;
    const files = {
      images: ["images-idx3", idx([count, 28, 28], pixels)],
      labels: ["labels-idx1", idx([count], labels)],
    };
    for (const [kind, bytes] of Object.values(files) as [string, Buffer][]) {
      writeFileSync(
        join(folder, `${split}-${kind}-ubyte${zipped ? ".gz" : ""}`),
        zipped ? gzipSync(bytes) : bytes,
      );
    }
  }
  return folder;
}

for (const zipped of [true, false]) {
  test(`reads idx files ${zipped ? "gzipped" : "plain"}, splits and normalises`, async (t) => {
    const root = temporaryFolder(t);
    const folder = layOut(root, { zipped });
    const data = await openMnist({ root, allowDownload: false, standIn: "never" });
    const { fingerprint, ...rest } = data.provenance;
    assert.match(fingerprint, /^[0-9a-f]{16}$/);
    assert.deepEqual(rest, {
      name: "digits in MNIST's layout (not verified)",
      standIn: false,
      source: folder,
      training: 18,
      validation: 2,
      unit: "images",
      verified: false,
    });
    assert.deepEqual([data.training.count, data.validation.count, data.test.count], [18, 2, 6]);
    const { images, labels } = data.test.batch([5, 0]);
    assert.deepEqual(images.shape, [2, 28, 28, 1]);
    assert.deepEqual(Array.from(labels.data), [5, 0]);
    assert.ok(Math.abs(Number(images.data[0]) - (5 / 255 - 0.1307) / 0.3081) < 1e-6);
    const sides = [data.training, data.validation].flatMap((side) =>
      pixelValues(side.batch(range(side.count)).images),
    );
    assert.deepEqual(
      sides.sort((a, b) => a - b),
      range(20),
    );
  });
}

/** The byte that each image of `layOut` was filled with. */
function pixelValues(images: { data: ArrayLike<unknown> }): number[] {
  return range(images.data.length / 784).map(
    (i) => Math.round((Number(images.data[784 * i]) * 0.3081 + 0.1307) * 255) + 0,
  );
}

test("permuted labels keep their frequencies in the training and in the validation part", async (t) => {
  const root = temporaryFolder(t);
  layOut(root);
  const options = { root, allowDownload: false } as const;
  const honest = await openMnist(options);
  const permuted = await openMnist({ ...options, permuteLabels: 3 });
  const labels = (side: typeof honest.training): number[] =>
    Array.from(side.batch(range(side.count)).labels.data, Number);
  assert.notDeepEqual(labels(permuted.training), labels(honest.training));
  assert.deepEqual(labels(permuted.training).sort(), labels(honest.training).sort());
  assert.deepEqual(labels(permuted.validation).sort(), labels(honest.validation).sort());
  assert.deepEqual(labels(permuted.test), labels(honest.test));
  assert.deepEqual(
    pixelValues(permuted.training.batch([0, 1]).images),
    pixelValues(honest.training.batch([0, 1]).images),
  );
});

test("the fingerprint follows pixels and labels, wherever and however they lie; labels that a task permutes change nothing", async (t) => {
  const of = async (root: string, more = {}): Promise<string> =>
    (await openMnist({ root, allowDownload: false, ...more })).provenance.fingerprint;
  const [zipped, plain] = [temporaryFolder(t), temporaryFolder(t)];
  layOut(zipped);
  const path = join(layOut(plain, { zipped: false }), "train-images-idx3-ubyte");
  const first = await of(zipped);
  assert.equal(await of(plain), first);
  assert.equal(await of(zipped, { permuteLabels: 3 }), first);
  const bytes = readFileSync(path);
  bytes[16 + 784 * 19] ^= 1;
  writeFileSync(path, bytes);
  assert.notEqual(await of(plain), first);
});

test("it is MNIST if all four published files are, byte by byte", async (t) => {
  const root = temporaryFolder(t);
  const folder = layOut(root);
  const [part] = MNIST.set.parts;
  const [bundle] = part.bundles;
  const files = bundle.files.map((file) => ({
    ...file,
    sha256: sha256Of(readFileSync(join(folder, file.name))),
  }));
  const kind = { ...MNIST, set: { ...MNIST.set, parts: [{ ...part, bundles: [{ ...bundle, files }] }] } };
  const open = async (): Promise<string> =>
    describeData((await openImages(kind, { root, allowDownload: false })).provenance);
  assert.equal(await open(), "MNIST, 18 of 54,000 training images");
  const labels = join(folder, "t10k-labels-idx1-ubyte.gz");
  writeFileSync(labels, gzipSync(idx([6], Uint8Array.of(0, 1, 2, 3, 4, 6))));
  assert.equal(await open(), "digits in MNIST's layout (not verified), 18 images");
});

test("fewer training images are said", async (t) => {
  const root = temporaryFolder(t);
  layOut(root);
  const data = await openMnist({ root, allowDownload: false });
  const fewer = withTrainingImages(data, 7);
  assert.deepEqual([fewer.training.count, fewer.provenance.training, fewer.provenance.validation], [7, 7, 2]);
  assert.equal(fewer.provenance.fingerprint, data.provenance.fingerprint);
  assert.deepEqual(fewer.training.batch([3]), subset(data.training, 7).batch([3]));
  assert.equal(withTrainingImages(data, 0), data);
  assert.throws(() => withTrainingImages(data, -1), ConfigError);
});

test("two openings read once, until a file changes", async (t) => {
  const root = temporaryFolder(t);
  const folder = layOut(root, { zipped: false });
  const open = () => openMnist({ root, allowDownload: false });
  const before = await open();
  const path = join(folder, "t10k-images-idx3-ubyte");
  const { atime, mtime } = statSync(path);
  const bytes = readFileSync(path);
  bytes.fill(200, 16);
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime); // as if nothing had happened
  assert.deepEqual(pixelValues((await open()).test.batch([5]).images), [5]);
  utimesSync(path, atime, new Date(mtime.getTime() + 2000));
  assert.deepEqual(pixelValues((await open()).test.batch([5]).images), [200]);
  assert.equal(
    (await open()).provenance.fingerprint,
    before.provenance.fingerprint,
    "test images do not train",
  );
});

test("a bad label, a count that differs and a damaged gzip are errors that name the file", async (t) => {
  const root = temporaryFolder(t);
  const folder = layOut(root, { badLabel: true });
  const open = () => openMnist({ root, allowDownload: false });
  await assert.rejects(open, /train-labels.*label of image 3 must be in \[0, 10\), found 10/);
  writeFileSync(join(folder, "train-labels-idx1-ubyte.gz"), gzipSync(idx([19], new Uint8Array(19))));
  await assert.rejects(open, /train-labels.*expected 20 labels.*found 19/);
  writeFileSync(join(folder, "train-images-idx3-ubyte.gz"), "<!doctype html><title>Sign in</title>");
  await assert.rejects(
    open,
    (error) => error instanceof DataError && /train-images.*found an HTML page/.test(error.message),
  );
});

test("a truncated or foreign idx is an error", () => {
  const whole = idx([2, 3], new Uint8Array(6));
  assert.deepEqual(parseIdx(whole, 2, "whole").shape, [2, 3]);
  assert.throws(() => parseIdx(whole.subarray(0, -1), 2, "cut.idx"), /cut\.idx: .*holds 6 bytes, found 5/);
  assert.throws(() => parseIdx(whole.subarray(0, 7), 2, "cut.idx"), DataError);
  assert.throws(() => parseIdx(Buffer.concat([whole, whole]), 2, "long.idx"), DataError);
  assert.throws(() => parseIdx(whole, 3, "rank.idx"), /expected an idx header 0x00000803/);
  assert.throws(() => parseIdx(Buffer.from("not an idx file at all"), 1, "x"), DataError);
});

test("without data there is a stand-in that says so, or an error", async (t) => {
  const root = temporaryFolder(t);
  const data = await openMnist({ root, allowDownload: false });
  assert.equal(data.provenance.standIn, true);
  assert.match(data.provenance.name, /generated digits \(stand-in for MNIST\)/);
  assert.match(data.provenance.source, /no copy at .*mnist, and downloads are off/);
  await assert.rejects(
    openMnist({ root, allowDownload: false, standIn: "never" }),
    /spectral data get mnist/,
  );
});

test(
  "reads the small real MNIST",
  { skip: !existsSync("../shared/data/mnist") && "../shared is not here" },
  async (t) => {
    const root = temporaryFolder(t);
    cpSync("../shared/data/mnist", join(root, "mnist"), { recursive: true });
    const { provenance } = await openMnist({ root, allowDownload: false });
    assert.equal(describeData(provenance), "MNIST's test set, 8,100 images (MNIST has 54,000 to train on)");
    const train = await readIdxImages(await idxPaths(join(root, "mnist"), "train"));
    assert.deepEqual([train.count, train.height, train.width], [9000, 28, 28]);
    let sum = 0;
    let squares = 0;
    for (const byte of train.pixels) {
      sum += byte / 255;
      squares += (byte / 255) ** 2;
    }
    const mean = sum / train.pixels.length;
    assert.ok(Math.abs(mean - 0.1307) < 0.01, `mean ${mean}`);
    assert.ok(Math.abs(Math.sqrt(squares / train.pixels.length - mean * mean) - 0.3081) < 0.01);
  },
);
