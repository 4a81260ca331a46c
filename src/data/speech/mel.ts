import { DataError } from "../../core/errors.js";
import { fourierTransform } from "./fft.js";

/** What features are computed with (PAPER.md section 2, "Speech"); also part of their cache key. */
export const MEL = { sampleRate: 16000, window: 400, hop: 160, bands: 40, averaged: 3 } as const;

/** Numbers of one utterance, row-major. */
export interface Frames {
  readonly count: number;
  readonly bands: number;
  /** [count, bands] */
  readonly data: Float32Array;
}

/**
 * Mel power spectrogram as torchaudio's MelSpectrogram(n_fft 400, hop 160, 40 bands, norm "slaney", HTK scale):
 * periodic Hann window, frames centred with reflection at both ends, power |X|^2, no logarithm.
 * @returns a function of samples at 16 kHz, at least 201 of them (shorter: DataError); 1 + floor(samples / 160) frames
 */
export function melSpectrogram(): (samples: Float32Array) => Frames {
  const { window: size, hop, bands, sampleRate } = MEL;
  const hann = Float64Array.from({ length: size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / size));
  const filters = melFilters(size / 2 + 1, bands, sampleRate);
  const transform = fourierTransform(size);
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  const [first, second] = [new Float64Array(size / 2 + 1), new Float64Array(size / 2 + 1)];
  /** The windowed samples around the centre of a frame, mirrored at both ends of the utterance. */
  const cutFrame = (samples: Float32Array, frame: number, target: Float64Array): void => {
    const last = samples.length - 1;
    const start = frame * hop - size / 2;
    for (let i = 0; i < size; i++) {
      const at = Math.abs(start + i);
      target[i] = hann[i] * samples[at <= last ? at : 2 * last - at];
    }
  };
  return (samples) => {
    if (samples.length <= size / 2) {
      throw new DataError(
        `melSpectrogram: at least ${size / 2 + 1} samples are needed, found ${samples.length}`,
      );
    }
    const count = 1 + Math.floor(samples.length / hop);
    const data = new Float32Array(count * bands);
    for (let frame = 0; frame < count; frame += 2) {
      cutFrame(samples, frame, re);
      if (frame + 1 < count)
        cutFrame(samples, frame + 1, im); // two real frames share one complex transform
      else im.fill(0);
      transform(re, im);
      for (let k = 0; k <= size / 2; k++) {
        const mirror = k === 0 ? 0 : size - k;
        first[k] = ((re[k] + re[mirror]) ** 2 + (im[k] - im[mirror]) ** 2) / 4;
        second[k] = ((im[k] + im[mirror]) ** 2 + (re[k] - re[mirror]) ** 2) / 4;
      }
      applyFilters(filters, first, data.subarray(frame * bands, (frame + 1) * bands));
      applyFilters(filters, second, data.subarray((frame + 1) * bands, (frame + 2) * bands));
    }
    return { count, bands, data };
  };
}

/** The filters' sums over a power spectrum; `result` is shorter, or empty, past the last frame. */
function applyFilters(filters: readonly Filter[], power: Float64Array, result: Float32Array): void {
  for (let band = 0; band < result.length; band++) {
    const { first, weights } = filters[band];
    let sum = 0;
    for (let j = 0; j < weights.length; j++) sum += weights[j] * power[first + j];
    result[band] = sum;
  }
}

interface Filter {
  /** The first frequency bin with a weight. */
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * Triangular filters whose corners are evenly spaced on the HTK scale, 2595 log10(1 + f / 700), from 0 to half the
 * sample rate, each divided by half its width in hertz (Slaney's norm: equal area).
 */
function melFilters(bins: number, bands: number, sampleRate: number): Filter[] {
  const top = 2595 * Math.log10(1 + sampleRate / 2 / 700);
  const corners = Array.from(
    { length: bands + 2 },
    (_, i) => 700 * (10 ** ((top * i) / (bands + 1) / 2595) - 1),
  );
  return Array.from({ length: bands }, (_, band) => {
    const [low, centre, high] = corners.slice(band, band + 3);
    const all = Array.from({ length: bins }, (_, k) => {
      const hertz = (k * sampleRate) / 2 / (bins - 1);
      const height = Math.min((hertz - low) / (centre - low), (high - hertz) / (high - centre));
      return (Math.max(0, height) * 2) / (high - low);
    });
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    );
    return {
      first,
      weights: Float64Array.from(all.slice(first, all.findLastIndex((weight) => weight > 0) + 1)),
    };
  });
}

/**
 * What the network reads: each band normalised over the utterance to zero mean and unit (unbiased) standard deviation,
 * then every 3 frames averaged; frames left over at the end are dropped. A band that never changes becomes 0.
 * @throws DataError if there are fewer than 3 frames
 */
export function normaliseAndAverage(mel: Frames): Frames {
  const { count, bands, data } = mel;
  const short = Math.floor(count / MEL.averaged);
  if (short < 1) throw new DataError(`features: at least ${MEL.averaged} frames are needed, found ${count}`);
  const result = new Float32Array(short * bands);
  for (let band = 0; band < bands; band++) {
    let sum = 0;
    for (let t = 0; t < count; t++) sum += data[t * bands + band];
    const mean = sum / count;
    let squares = 0;
    for (let t = 0; t < count; t++) squares += (data[t * bands + band] - mean) ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares / (count - 1)) / MEL.averaged : 0;
    for (let t = 0; t < short; t++) {
      let group = 0;
      for (let i = 0; i < MEL.averaged; i++) group += data[(t * MEL.averaged + i) * bands + band] - mean;
      result[t * bands + band] = group * scale;
    }
  }
  return { count: short, bands, data: result };
}
