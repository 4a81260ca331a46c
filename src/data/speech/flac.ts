import { createHash } from "node:crypto";
import { type FLACDecodedAudio, FLACDecoder } from "@wasm-audio-decoders/flac";
import { DataError, messageOf } from "../../core/errors.js";
import { formatOf } from "../../core/files/format.js";
import { readData } from "../files.js";
import { sha256Of } from "../fingerprint.js";

/** One channel of sound. */
export interface Sound {
  readonly sampleRate: number;
  /** In [-1, 1). */
  readonly samples: Float32Array;
  /** Of the file's bytes, hexadecimal. */
  readonly sha256: string;
}

/** Most bytes of a file, and samples in it: half an hour of speech at 16,000 a second; LibriSpeech's longest has 35 s. */
const LONGEST_FILE = 2 ** 26;
const MOST_SAMPLES = 2 ** 25;

/** Bytes that are decoded at a time. */
const PIECE = 1 << 14;

/** Without zeros after it, the decoder's parser overlooks a last frame that is shorter than those before it. */
const PADDING = Buffer.alloc(1 << 14);

/** What a FLAC header holds where the encoder left its checksum out. */
const NO_MD5 = "0".repeat(32);

/** Decodes FLAC files, one after the other. Call `free` when done. */
export interface FlacReader {
  /**
   * The single channel of a FLAC file.
   * @throws DataError if it is not FLAC, is not one channel of 16 bits, is damaged, or is cut short
   */
  read(path: string): Promise<Sound>;
  free(): void;
}

export async function flacReader(): Promise<FlacReader> {
  const decoder = new FLACDecoder();
  await decoder.ready;
  const read = async (path: string): Promise<Sound> => {
    const whole = await readData(path, () => LONGEST_FILE);
    const bytes = withoutTags(whole);
    const header = streamInfo(bytes, path);
    const decoded = await decode(decoder, bytes, path);
    // An encoder that wrote to a pipe did not know the length, and left it as 0.
    if (header.totalSamples !== 0 && decoded.samples !== header.totalSamples) {
      throw new DataError(
        `${path}: cut short, damaged or not of FLAC's streamable subset: ` +
          `its header promises ${header.totalSamples} samples, found ${decoded.samples}`,
      );
    }
    if (decoded.samples === 0) throw new DataError(`${path}: expected sound, found no sample`);
    const integers = new Int16Array(decoded.samples);
    let at = 0;
    for (const piece of decoded.pieces) {
      for (const value of piece) integers[at++] = Math.round(value * 32767); // the decoder's scale
    }
    if (header.md5 !== NO_MD5 && md5Of(integers) !== header.md5) {
      throw new DataError(`${path}: damaged: the sound's MD5 is not the one in its header, ${header.md5}`);
    }
    if (decoded.error !== undefined) throw new DataError(`${path}: damaged FLAC: ${decoded.error}`);
    const samples = Float32Array.from(integers, (value) => value / 32768);
    return { sampleRate: header.sampleRate, samples, sha256: sha256Of(whole) };
  };
  return { read, free: () => decoder.free() };
}

interface Decoded {
  readonly pieces: readonly Float32Array[];
  readonly samples: number;
  readonly error: string | undefined;
}

/** Decodes a file piece by piece: a few bytes may stand for many samples, and no more are made than any utterance has. */
async function decode(decoder: FLACDecoder, bytes: Buffer, path: string): Promise<Decoded> {
  const pieces: Float32Array[] = [];
  let samples = 0;
  let error: string | undefined;
  const take = ({ channelData, samplesDecoded, errors }: FLACDecodedAudio): void => {
    if (samplesDecoded > 0) pieces.push(channelData[0]);
    samples += samplesDecoded;
    error ??= errors[0]?.message;
    if (samples > MOST_SAMPLES)
      throw new DataError(`${path}: expected at most ${MOST_SAMPLES} samples, found more`);
  };
  try {
    for (let at = 0; at < bytes.length; at += PIECE)
      take(await decoder.decode(bytes.subarray(at, at + PIECE)));
    take(await decoder.decode(PADDING));
    take(await decoder.flush());
    return { pieces, samples, error };
  } catch (thrown) {
    await decoder.reset();
    if (thrown instanceof DataError) throw thrown;
    throw new DataError(`${path}: cannot be decoded as FLAC: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** A file without the ID3 tags that some programs put before and behind the sound. */
function withoutTags(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length];
  const lengthOf = (at: number): number => {
    const size = [6, 7, 8, 9].reduce((sum, i) => sum * 128 + (bytes[at + i] & 127), 0); // seven bits a byte
    return 10 + size + ((bytes[at + 5] & 16) !== 0 ? 10 : 0);
  };
  while (end - start >= 10 && bytes.toString("latin1", start, start + 3) === "ID3") {
    start = Math.min(end, start + lengthOf(start));
  }
  if (end - start >= 128 && bytes.toString("latin1", end - 128, end - 125) === "TAG") end -= 128; // ID3v1
  if (end - start >= 10 && bytes.toString("latin1", end - 10, end - 7) === "3DI") {
    end = Math.max(start, end - 10 - lengthOf(end - 10) + 10);
  }
  const appended = bytes.lastIndexOf("ID3", end); // ID3v2 behind the sound, without a footer
  if (appended > start && appended + 10 <= end && appended + lengthOf(appended) === end) end = appended;
  return bytes.subarray(start, end);
}

interface StreamInfo {
  readonly sampleRate: number;
  readonly totalSamples: number;
  /** Of the samples as little-endian integers. */
  readonly md5: string;
}

/** Reads the STREAMINFO block, the first of every FLAC file. */
function streamInfo(bytes: Buffer, path: string): StreamInfo {
  if (bytes.length < 42 || bytes.toString("latin1", 0, 4) !== "fLaC") {
    throw new DataError(`${path}: expected a FLAC file (it begins with "fLaC"), found ${foundIn(bytes)}`);
  }
  const packed = bytes.readBigUInt64BE(18); // 20 bits sample rate, 3 channels - 1, 5 bits - 1, 36 samples
  const channels = Number((packed >> 41n) & 7n) + 1;
  if (channels !== 1) throw new DataError(`${path}: expected one channel, found ${channels}`);
  const bits = Number((packed >> 36n) & 31n) + 1;
  if (bits !== 16) throw new DataError(`${path}: expected 16 bits a sample, found ${bits}`);
  const totalSamples = Number(packed & ((1n << 36n) - 1n));
  if (totalSamples > MOST_SAMPLES)
    throw new DataError(
      `${path}: expected at most ${MOST_SAMPLES} samples, its header promises ${totalSamples}`,
    );
  return {
    sampleRate: Number(packed >> 44n),
    totalSamples,
    md5: bytes.toString("hex", 26, 42),
  };
}

/** What a file is that is no FLAC; those that stand for one which was not fetched say so. */
function foundIn(bytes: Buffer): string {
  if (/^(\.\.\/)*\/?(\.git\/)?annex\/objects\//.test(bytes.toString("latin1", 0, 200)))
    return "a git-annex pointer: the file itself was not fetched (git annex get)";
  return formatOf(bytes.subarray(0, 64))?.description ?? `${bytes.length} other bytes`;
}

/** MD5 of samples as little-endian 16-bit integers. */
function md5Of(samples: Int16Array): string {
  const bytes = Buffer.alloc(2 * samples.length);
  samples.forEach((value, i) => bytes.writeInt16LE(value, 2 * i));
  return createHash("md5").update(bytes).digest("hex");
}
