import assert from "node:assert/strict";
import test from "node:test";
import type { ImageSet } from "spectral-lab/data/images";
import { fourierTransform } from "spectral-lab/data/speech/fft";
import { digits } from "spectral-lab/data/standins/digits";
import { textures } from "spectral-lab/data/standins/textures";
import type { Provenance } from "spectral-lab/core/provenance";
import { openCifar10 } from "spectral-lab/data/cifar10";
import { openLibriSpeech } from "spectral-lab/data/librispeech";
import { openMnist } from "spectral-lab/data/mnist";
import { describeData } from "spectral-lab/data/provenance";
import { openWikiText } from "spectral-lab/data/wikitext";
import { temporaryFolder } from "./temporary.js";
import { tones } from "spectral-lab/data/standins/tones";

/** Share of test images whose features lie nearest to the mean features of their own class. */
function nearestMean(train: ImageSet, test: ImageSet, features: (image: Uint8Array) => Float64Array): number {
  const size = train.pixels.length / train.count;
  const of = (set: ImageSet, i: number): Float64Array =>
    features(set.pixels.subarray(i * size, (i + 1) * size));
  const means = Array.from({ length: 10 }, () => new Float64Array(of(train, 0).length));
  for (let i = 0; i < train.count; i++)
    of(train, i).forEach((x, j) => (means[train.labels[i]][j] += x / (train.count / 10)));
  let right = 0;
  for (let i = 0; i < test.count; i++) {
    const found = of(test, i);
    const distances = means.map((mean) => mean.reduce((sum, x, j) => sum + (x - found[j]) ** 2, 0));
    if (distances.indexOf(Math.min(...distances)) === test.labels[i]) right++;
  }
  return right / test.count;
}

/** Size of each two-dimensional frequency of the red channel, scaled to unit length. */
function spectrum(image: Uint8Array): Float64Array {
  const transform = fourierTransform(32);
  const re = Float64Array.from({ length: 1024 }, (_, i) => image[3 * i]);
  const im = new Float64Array(1024);
  for (let y = 0; y < 32; y++)
    transform(re.subarray(32 * y, 32 * (y + 1)), im.subarray(32 * y, 32 * (y + 1)));
  for (let x = 0; x < 32; x++) {
    const column = (from: Float64Array): Float64Array =>
      Float64Array.from({ length: 32 }, (_, y) => from[32 * y + x]);
    const [a, b] = [column(re), column(im)];
    transform(a, b);
    for (let y = 0; y < 32; y++) [re[32 * y + x], im[32 * y + x]] = [a[y], b[y]];
  }
  const sizes = re.map((value, i) => (i === 0 ? 0 : Math.hypot(value, im[i])));
  const norm = Math.hypot(...sizes);
  return sizes.map((value) => value / norm);
}

test("generated digits tell their class, and vary", () => {
  const train = digits(500, "training");
  assert.deepEqual([train.height, train.width, train.channels], [28, 28, 1]);
  assert.ok(nearestMean(train, digits(200, "test"), (image) => Float64Array.from(image)) > 0.6);
  assert.notDeepEqual(train.pixels.subarray(0, 784), train.pixels.subarray(7840, 8624));
  assert.deepEqual(digits(500, "training"), train);
});

test("generated textures tell their class by their spectrum, not by single pixels", () => {
  const [train, test] = [textures(400, "training"), textures(100, "test")];
  assert.deepEqual([train.height, train.width, train.channels], [32, 32, 3]);
  assert.deepEqual(textures(400, "training"), train);
  assert.ok(nearestMean(train, test, spectrum) > 0.8);
  assert.ok(nearestMean(train, test, (image) => Float64Array.from(image)) < 0.4);
});

test("generated tones are deterministic, and one sentence is not another", () => {
  const [first, second] = tones(2, "training");
  assert.deepEqual(tones(1, "training")[0], first);
  assert.notDeepEqual(first.labels, second.labels);
  assert.ok(first.frames.count >= 2 * first.labels.length, "enough frames for CTC");
});

test("a tone is known by what is heard: another sound or another length has another digest", () => {
  const [first, second] = tones(2, "training");
  assert.match(first.sha256, /^[0-9a-f]{64}$/);
  assert.equal(tones(1, "training")[0].sha256, first.sha256);
  assert.notEqual(second.sha256, first.sha256);
});

test("every stand-in is named, counted and has one fingerprint", async (t) => {
  const options = { root: temporaryFolder(t), standIn: "always" } as const;
  const text = { ...options, length: 64, limit: 5000 } as const;
  const open = async (): Promise<Provenance[]> =>
    (
      await Promise.all([
        openMnist(options),
        openCifar10(options),
        openLibriSpeech({ ...options, limit: 3 }),
        openWikiText(text),
      ])
    ).map(({ provenance }) => provenance);
  const found = await open();
  assert.deepEqual(found.map(describeData), [
    "generated digits (stand-in for MNIST), 3,600 images",
    "generated textures (stand-in for CIFAR-10), 3,600 images",
    "generated tones (stand-in for LibriSpeech), 3 utterances",
    "generated grammar (stand-in for WikiText-103), 76 sequences of 64 words",
  ]);
  assert.ok(found.every(({ standIn, source }) => standIn && source === "a stand-in was asked for"));
  assert.deepEqual(
    found.map(({ fingerprint }) => fingerprint),
    ["e36143bd514f14e6", "f59e987c6520b80d", "5665d01ce550fbd4", "8c38441146fe277a"],
    "a changed generator makes other examples, and so other runs: change these on purpose only",
  );
  assert.deepEqual(await open(), found);
});
