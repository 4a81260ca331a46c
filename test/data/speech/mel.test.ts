import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { flacReader } from "spectral-lab/data/speech/flac";
import { melSpectrogram, normaliseAndAverage } from "spectral-lab/data/speech/mel";

interface Reference {
  readonly samples: number;
  readonly melShape: [number, number];
  readonly melSum: number;
  readonly melFrame60: number[];
  readonly featureShape: [number, number];
  readonly feature0: number[];
  readonly featureMid: number[];
  readonly featureNorm: number;
}

const path = "../shared/reference/mel.json";

test("features equal torchaudio's", { skip: !existsSync(path) && "../shared is not here" }, async () => {
  const references = JSON.parse(readFileSync(path, "utf8")) as Record<string, Reference>;
  const flac = await flacReader();
  const spectrogram = melSpectrogram();
  for (const [id, want] of Object.entries(references)) {
    const [speaker, chapter] = id.split("-");
    const { samples } = await flac.read(
      `../shared/data/LibriSpeech/dev-clean/${speaker}/${chapter}/${id}.flac`,
    );
    assert.equal(samples.length, want.samples);
    const mel = spectrogram(samples);
    assert.deepEqual([mel.bands, mel.count], want.melShape);
    assert.ok(Math.abs(mel.data.reduce((sum, value) => sum + value, 0) - want.melSum) < 1e-4 * want.melSum);
    close(mel.data.subarray(60 * 40, 61 * 40), want.melFrame60, 1e-5);
    const features = normaliseAndAverage(mel);
    assert.deepEqual([features.count, features.bands], want.featureShape);
    const middle = Math.floor(features.count / 2) * 40;
    close(features.data.subarray(0, 40), want.feature0, 1e-4);
    close(features.data.subarray(middle, middle + 40), want.featureMid, 1e-4);
    assert.ok(Math.abs(Math.hypot(...features.data) - want.featureNorm) < 1e-4 * want.featureNorm);
  }
  flac.free();
});

function close(found: Float32Array, want: number[], tolerance: number): void {
  assert.equal(found.length, want.length);
  want.forEach((value, i) =>
    assert.ok(Math.abs(found[i] - value) < tolerance, `${i}: ${found[i]}, not ${value}`),
  );
}

test("a pure tone lands in the band that holds its frequency", () => {
  const spectrogram = melSpectrogram();
  for (const hertz of [440, 1000, 3000, 7000]) {
    const { data, bands } = spectrogram(
      Float32Array.from({ length: 3200 }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / 16000)),
    );
    const frame = [...data.subarray(10 * bands, 11 * bands)];
    const mel = (f: number): number => 2595 * Math.log10(1 + f / 700);
    const expected = (mel(hertz) / mel(8000)) * 41 - 1; // band b peaks at corner b + 1 of 41 intervals
    assert.ok(Math.abs(frame.indexOf(Math.max(...frame)) - expected) <= 1, `${hertz} Hz`);
  }
});

test("odd and even numbers of frames, and the shortest sound there can be, have no strange values", () => {
  const spectrogram = melSpectrogram();
  for (const length of [201, 319, 320, 321, 479, 480, 4000]) {
    const mel = spectrogram(new Float32Array(length).fill(0.5).map((value, i) => value * Math.sin(i)));
    assert.equal(mel.count, 1 + Math.floor(length / 160));
    assert.ok(
      mel.data.every((value) => Number.isFinite(value) && value >= 0),
      `length ${length}`,
    );
  }
  assert.throws(() => spectrogram(new Float32Array(200)), DataError);
});

test("every band of long features has mean 0 and, before averaging, unit deviation; silence is 0", () => {
  const count = 300;
  const data = Float32Array.from({ length: count * 40 }, (_, i) =>
    i % 40 === 7 ? 0 : Math.sin(i * i) + (i % 40),
  );
  const features = normaliseAndAverage({ count, bands: 40, data });
  assert.equal(features.count, 100);
  for (let band = 0; band < 40; band++) {
    let sum = 0;
    for (let t = 0; t < 100; t++) sum += features.data[t * 40 + band];
    assert.ok(Math.abs(sum / 100) < 1e-5);
  }
  const flat = normaliseAndAverage({ count: 4, bands: 1, data: Float32Array.of(1, 1, 1, 3) });
  assert.ok(Math.abs(flat.data[0] - -0.5) < 1e-6); // mean 1.5, unbiased deviation 1
  assert.ok(features.data.every((value, i) => i % 40 !== 7 || value === 0));
  assert.throws(() => normaliseAndAverage({ count: 2, bands: 1, data: Float32Array.of(1, 2) }), DataError);
});
