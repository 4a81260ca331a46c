import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { flacReader } from "spectral-lab/data/speech/flac";
import { temporaryFolder } from "../temporary.js";
import { chirp, flacFile, silence } from "./flac-file.js";

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

test("a file of unknown length, as an encoder writes to a pipe, is read to its end", async (t) => {
  for (const length of [4096, 9001]) {
    const samples = chirp(length);
    const wanted = Float32Array.from(samples, (value) => value / 32768);
    for (const md5 of [true, false])
      assert.deepEqual(await read(t, flacFile(samples, { promised: 0, md5 })), wanted, `${length} ${md5}`);
  }
  await assert.rejects(
    read(t, flacFile(chirp(9000), { promised: 0 }).subarray(0, 12_000)),
    /sound\.flac: (damaged|cannot be decoded)/,
  );
});

test("tags before and behind the sound are passed over", async (t) => {
  const samples = chirp(9000);
  const sound = flacFile(samples);
  const wanted = Float32Array.from(samples, (value) => value / 32768);
  const first = Buffer.concat([
    Buffer.from("ID3\x04\0\0\0\0\x02\x05", "latin1"),
    Buffer.alloc(2 * 128 + 5, "x"),
  ]);
  const footed = Buffer.concat([
    Buffer.from("ID3\x04\0\x10\0\0\0\x14", "latin1"),
    Buffer.alloc(20, "x"),
    Buffer.from("3DI\x04\0\x10\0\0\0\x14", "latin1"),
  ]);
  const last = Buffer.concat([Buffer.from("TAG"), Buffer.alloc(125, "t")]);
  for (const parts of [
    [first, sound],
    [sound, last],
    [sound, first],
    [sound, footed],
    [footed, sound, footed, last],
  ])
    assert.deepEqual(await read(t, Buffer.concat(parts)), wanted);
  await assert.rejects(read(t, first), /expected a FLAC file/);
  await assert.rejects(
    read(t, Buffer.from("ID3\x04\0\0\x7f\x7f\x7f\x7fxx", "latin1")),
    /expected a FLAC file/,
  );
});

test("a length that no utterance has, and a pointer in place of the file, are errors", async (t) => {
  await assert.rejects(
    read(t, flacFile(chirp(5000), { promised: 2 ** 36 - 1 })),
    /expected at most \d+ samples, its header promises 68719476735/,
  );
  await assert.rejects(
    read(t, Buffer.from("/annex/objects/SHA256E-s12--ab.flac\n")),
    /a git-annex pointer.*git annex get/,
  );
  await assert.rejects(
    read(t, Buffer.from("version https://git-lfs.github.com/spec/v1\n".padEnd(130))),
    /Git LFS pointer/,
  );
});

test("a few bytes that stand for hours of sound are an error in little memory", async (t) => {
  const before = process.memoryUsage().rss;
  await assert.rejects(read(t, silence(10_000)), /expected at most 33554432 samples, found more/);
  assert.ok(process.memoryUsage().rss - before < 1e9); // all of it would take 2.6e9, in whatever state the collector is
});

test("100 random damages of a sound are read or are a DataError", async (t) => {
  const random = randomStream(5, "test/flac");
  const folder = temporaryFolder(t);
  const reader = await flacReader();
  const quiet = t.mock.method(console, "error", () => undefined); // the decoder tells of every damaged frame
  for (let i = 0; i < 100; i++) {
    const bytes = flacFile(chirp(9000), { promised: i % 3 === 0 ? 0 : 9000, md5: i % 2 === 0 });
    const within = i % 4 === 0 ? 60 : bytes.length;
    for (let n = 0; n < 5; n++)
      bytes[Math.floor(random.uniform(0, within))] = Math.floor(random.uniform(0, 256));
    const path = join(folder, `${i}.flac`);
    writeFileSync(path, i % 5 === 0 ? bytes.subarray(0, Math.floor(random.uniform(0, bytes.length))) : bytes);
    await reader
      .read(path)
      .catch((error: unknown) => assert.ok(error instanceof DataError, `${i}: ${String(error)}`));
  }
  quiet.mock.restore();
  const path = join(folder, "good.flac");
  writeFileSync(path, flacFile(chirp(5000)));
  assert.equal((await reader.read(path)).samples.length, 5000, "the reader goes on after them");
  reader.free();
});
