import assert from "node:assert/strict";
import test from "node:test";
import { KNOWN } from "spectral-lab/data/known";
import { describeData, originOf } from "spectral-lab/data/provenance";

test("captions say what the examples are, and how many of how many", () => {
  const mnist = { set: "MNIST", training: 54_000 };
  const cases: [string, Parameters<typeof describeData>[0]][] = [
    [
      "CIFAR-10, 9,000 of 45,000 training images",
      { name: "CIFAR-10", training: 9000, unit: "images", of: { set: "CIFAR-10", training: 45_000 } },
    ],
    ["MNIST, all 54,000 training images", { name: "MNIST", training: 54_000, unit: "images", of: mnist }],
    [
      "MNIST's test set, 8,100 images (MNIST has 54,000 to train on)",
      { name: "MNIST's test set", training: 8100, unit: "images", of: mnist },
    ],
    [
      "spoken digits in LibriSpeech's layout, 216 utterances",
      { name: "spoken digits in LibriSpeech's layout", training: 216, unit: "utterances" },
    ],
    [
      "CIFAR-10, all 3 training images (compressed as JPEG)",
      {
        name: "CIFAR-10",
        training: 3,
        unit: "images",
        of: { set: "CIFAR-10", training: 3 },
        note: "compressed as JPEG",
      },
    ],
    ["pairs of numbers, 1,234,567 examples", { name: "pairs of numbers", training: 1_234_567 }],
    ["pairs of numbers", { name: "pairs of numbers" }],
  ];
  for (const [words, data] of cases) {
    assert.equal(describeData(data), words);
    assert.equal(describeData(JSON.parse(JSON.stringify(data)) as typeof data), words, "from a record");
  }
});

const WORDS = {
  title: "LibriSpeech",
  layout: "speech in LibriSpeech's layout",
  generated: "generated tones",
  unit: "utterances",
  training: 28_539,
};

test("a name is earned by a known fingerprint or by checksums, never by a folder", () => {
  const from = { folder: "/data/LibriSpeech" };
  const origin = (more = {}) =>
    originOf(WORDS, { fingerprint: "0".repeat(16), from, verified: false, ...more });
  assert.equal(origin().name, "speech in LibriSpeech's layout (not verified)");
  assert.equal(origin({ note: "half" }).note, undefined);
  assert.deepEqual(origin({ verified: true, note: "half", seen: "sounds" }), {
    name: "LibriSpeech",
    standIn: false,
    source: "/data/LibriSpeech",
    fingerprint: "0".repeat(16),
    unit: "utterances",
    verified: true,
    of: { set: "LibriSpeech", training: 28_539 },
    note: "half",
  });
  assert.equal(origin({ seen: "sounds" }).name, "sounds");
  const [fingerprint, known] = Object.entries(KNOWN)[0];
  for (const more of [{ fingerprint }, { files: fingerprint }, { fingerprint, verified: true }]) {
    const { name, of, verified } = origin(more);
    assert.deepEqual({ name, of, verified }, { name: known.name, of: known.of, verified: true });
  }
  const made = origin({ from: { absent: "no network" }, fingerprint });
  assert.deepEqual([made.name, made.source], ["generated tones (stand-in for LibriSpeech)", "no network"]);
});

test("fingerprints of known examples are 16 hexadecimal digits, their names no public set's but where they are of it", () => {
  for (const [fingerprint, { name, of }] of Object.entries(KNOWN)) {
    assert.match(fingerprint, /^[0-9a-f]{16}$/);
    if (["MNIST", "CIFAR-10", "LibriSpeech", "WikiText-103"].includes(name)) assert.equal(of?.set, name);
  }
});
