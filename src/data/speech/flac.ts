import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { FLACDecoder } from "@wasm-audio-decoders/flac";
import { DataError, messageOf } from "../../core/errors.js";
import { sha256Of } from "../fingerprint.js";

/** One channel of sound. */
export interface Sound {
  readonly sampleRate: number;
  /** In [-1, 1). */
  readonly samples: Float32Array;
  /** Of the file's bytes, hexadecimal. */
  readonly sha256: string;
}

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
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
    });
    const header = streamInfo(bytes, path);
    const decoded = await decoder.decodeFile(Buffer.concat([bytes, PADDING])).catch((error: unknown) => {
      throw new DataError(`${path}: cannot be decoded as FLAC: ${messageOf(error)}`, { cause: error });
    });
    if (decoded.samplesDecoded !== header.totalSamples) {
      throw new DataError(
        `${path}: cut short, damaged or not of FLAC's streamable subset: ` +
          `its header promises ${header.totalSamples} samples, found ${decoded.samplesDecoded}`,
      );
    }
    const integers = Int16Array.from(decoded.channelData[0], (value) => Math.round(value * 32767)); // the decoder's scale
    if (header.md5 !== NO_MD5 && md5Of(integers) !== header.md5) {
      throw new DataError(`${path}: damaged: the sound's MD5 is not the one in its header, ${header.md5}`);
    }
    if (decoded.errors.length > 0) throw new DataError(`${path}: damaged FLAC: ${decoded.errors[0].message}`);
    const samples = Float32Array.from(integers, (value) => value / 32768);
    return { sampleRate: header.sampleRate, samples, sha256: sha256Of(bytes) };
  };
  return { read, free: () => decoder.free() };
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
    throw new DataError(
      `${path}: expected a FLAC file (it begins with "fLaC"), found ${bytes.length} other bytes`,
    );
  }
  const packed = bytes.readBigUInt64BE(18); // 20 bits sample rate, 3 channels - 1, 5 bits - 1, 36 samples
  const channels = Number((packed >> 41n) & 7n) + 1;
  if (channels !== 1) throw new DataError(`${path}: expected one channel, found ${channels}`);
  const bits = Number((packed >> 36n) & 31n) + 1;
  if (bits !== 16) throw new DataError(`${path}: expected 16 bits a sample, found ${bits}`);
  return {
    sampleRate: Number(packed >> 44n),
    totalSamples: Number(packed & ((1n << 36n) - 1n)),
    md5: bytes.toString("hex", 26, 42),
  };
}

/** MD5 of samples as little-endian 16-bit integers. */
function md5Of(samples: Int16Array): string {
  const bytes = Buffer.alloc(2 * samples.length);
  samples.forEach((value, i) => bytes.writeInt16LE(value, 2 * i));
  return createHash("md5").update(bytes).digest("hex");
}
