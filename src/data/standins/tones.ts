import { largest } from "../../core/extent.js";
import { type Random, randomStream } from "../../core/random.js";
import { sha256Of } from "../fingerprint.js";
import { encodeTranscript } from "../speech/characters.js";
import { type Frames, MEL, melSpectrogram, normaliseAndAverage } from "../speech/mel.js";
import type { Utterance } from "../speech/utterances.js";

const WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "zero", "it's", "by"];

/**
 * Generated speech of LibriSpeech's shape: sentences of two to four words, each character a chord of two tones that
 * lasts 90 to 140 ms, a space a silence, with random loudness and pitch per sentence and faint noise; at 16 kHz through
 * the same features as real speech. A function of `count` and the stream `standin/tones/<split>` alone.
 */
export function tones(count: number, split: "training" | "validation"): Utterance[] {
  const random = randomStream(0, `standin/tones/${split}`);
  const spectrogram = melSpectrogram();
  return Array.from({ length: count }, (_, i) => {
    const words = Array.from({ length: 2 + random.integer(3) }, () => WORDS[random.integer(WORDS.length)]);
    const id = `tones-${split}-${String(i).padStart(4, "0")}`;
    const labels = encodeTranscript(words.join(" "), id);
    const frames = normaliseAndAverage(spectrogram(sing(labels, random)));
    return { id, labels, frames, sha256: sha256Of(loudestBands(frames)) };
  });
}

/**
 * The loudest band of each frame, [count]: what is heard, without the last bits of the features, in which sines and
 * cosines may differ between machines.
 */
function loudestBands({ count, bands, data }: Frames): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => {
    const frame = data.subarray(i * bands, (i + 1) * bands);
    return frame.indexOf(largest(frame));
  });
}

/** Renders labels as sound. */
function sing(labels: Int32Array, random: Random): Float32Array {
  const pitch = random.uniform(0.97, 1.03);
  const loudness = random.uniform(0.1, 0.3);
  const lengths = Array.from(labels, () => Math.round(MEL.sampleRate * random.uniform(0.09, 0.14)));
  const samples = new Float32Array(lengths.reduce((sum, length) => sum + length, 0));
  let start = 0;
  labels.forEach((label, i) => {
    addChord(label, pitch, loudness, samples.subarray(start, start + lengths[i]));
    start += lengths[i];
  });
  for (let i = 0; i < samples.length; i++) samples[i] += random.uniform(-0.004, 0.004);
  return samples;
}

/** Label 2 (a space) is silent; every other label has its own pair of one of six low and one of five high tones. */
function addChord(label: number, pitch: number, loudness: number, samples: Float32Array): void {
  if (label === 2) return;
  const low = 300 * 1.28 ** (label % 6) * pitch;
  const high = 1500 * 1.3 ** Math.floor(label / 6) * pitch;
  const step = (2 * Math.PI) / MEL.sampleRate;
  for (let i = 0; i < samples.length; i++) {
    const envelope = Math.sin((Math.PI * (i + 0.5)) / samples.length) * loudness; // rises and falls: no clicks
    samples[i] = envelope * (Math.sin(low * step * i) + Math.sin(high * step * i));
  }
}
