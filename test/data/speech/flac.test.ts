import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { flacReader } from "spectral-lab/data/speech/flac";
import { temporaryFolder } from "../temporary.js";
import { chirp, flacFile } from "./flac-file.js";

async function read(test: TestContext, bytes: Uint8Array): Promise<Float32Array> {
  const path = join(temporaryFolder(test), "sound.flac");
  writeFileSync(path, bytes);
  const reader = await flacReader();
  try {
    return (await reader.read(path)).samples;
  } finally {
    reader.free();
  }
}

test("decodes to the very samples, however short the last block", async (t) => {
  for (const length of [4096, 4097, 4100, 9000, 12288]) {
    const samples = chirp(length);
    samples[5] = -32768;
    samples[6] = 32767;
    assert.deepEqual(
      await read(t, flacFile(samples)),
      Float32Array.from(samples, (value) => value / 32768),
    );
  }
});

test("a FLAC cut short anywhere is an error", async (t) => {
  const whole = flacFile(chirp(10_000));
  for (const length of [3, 41, 42, 1000, 9000, whole.length - 3000, whole.length - 1]) {
    await assert.rejects(read(t, whole.subarray(0, length)), DataError, `${length} of ${whole.length} bytes`);
  }
});

test("damaged, foreign and stereo files are errors", async (t) => {
  const damaged = flacFile(chirp(5000));
  damaged[6000] ^= 4;
  await assert.rejects(read(t, damaged), DataError);
  await assert.rejects(read(t, Buffer.from("<html>".repeat(20))), /expected a FLAC file/);
  await assert.rejects(read(t, flacFile(chirp(5000), { channels: 2 })), /expected one channel, found 2/);
  const reader = await flacReader();
  await assert.rejects(reader.read("/nonexistent.flac"), /nonexistent\.flac: cannot be read/);
  reader.free();
});
