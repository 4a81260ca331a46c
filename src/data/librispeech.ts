import { readFile, readdir } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { DataError } from "../core/errors.js";
import type { Json } from "../core/hash.js";
import { cached } from "./cache.js";
import { type DataOptions, type Dataset, progressMeter } from "./dataset.js";
import { filesBelow } from "./files.js";
import { fingerprintOf, sha256Of } from "./fingerprint.js";
import { fileIdentity } from "./identity.js";
import { type Sized, openedOnce } from "./memory.js";
import { obtain } from "./obtain.js";
import { type From, type SetWords, originOf } from "./provenance.js";
import { type Part, PUBLIC_SETS } from "./sources.js";
import { encodeTranscript } from "./speech/characters.js";
import { flacReader } from "./speech/flac.js";
import { type Frames, MEL, melSpectrogram, normaliseAndAverage } from "./speech/mel.js";
import {
  type SpeechBatch,
  type SpeechExamples,
  type Utterance,
  speechExamples,
} from "./speech/utterances.js";
import { tones } from "./standins/tones.js";
import { publishedDigests } from "./verified.js";

export interface SpeechOptions extends DataOptions {
  /** At most this many utterances of each split, the first ones by speaker; default all. */
  readonly limit?: number;
}

/** Speech with its transcripts. */
export interface SpeechData extends Dataset<SpeechBatch> {
  readonly training: SpeechExamples;
  readonly validation: SpeechExamples;
}

const SET = PUBLIC_SETS.librispeech;

const WORDS: SetWords = {
  title: SET.title,
  layout: `speech in ${SET.title}'s layout`,
  generated: "generated tones",
  unit: "utterances",
  training: 28_539, // of train-clean-100
};

/** Speech whose transcripts hold nothing else is spoken digits, not LibriSpeech's books. */
const DIGIT_WORDS = new Set("zero oh one two three four five six seven eight nine".split(" "));

/**
 * LibriSpeech: train-clean-100 to train on, dev-clean to validate, from `<root>/LibriSpeech/`, as normalised mel
 * features (`speech/mel.ts`) and character labels (`speech/characters.ts`).
 *
 * Features are computed once and kept in `<root>/cache/`, one file per speaker, so that an interruption loses one
 * speaker's at most. In memory they take 160 bytes per 30 ms: 1.9 GB for the whole of train-clean-100.
 * @throws DataError if a FLAC file is damaged or cut short, or a transcript is missing, empty or has foreign characters
 */
export async function openLibriSpeech(options: SpeechOptions = {}): Promise<SpeechData> {
  const found = await obtain(SET, options);
  const { limit = Infinity } = options;
  if ("absent" in found) {
    const made = await openedOnce({ generated: SET.name, limit: String(limit) }, async () =>
      sized(
        speechExamples(tones(Math.min(limit, 240), "training"), WORDS.generated),
        speechExamples(tones(Math.min(limit, 40), "validation"), WORDS.generated),
        false,
      ),
    );
    return speechData(made, found);
  }
  const { root } = found;
  const speakers = await Promise.all(SET.parts.map(({ folder }) => listSpeakers(root, folder, limit)));
  const receipts = await Promise.all(
    SET.parts.map(({ folder }) => fileIdentity(join(root, `${folder}.json`))),
  );
  const files = speakers.map((list) => list.map((speaker) => [speaker.files, speaker.transcripts]));
  const key = { set: SET.name, root, limit: String(limit), receipts, files };
  const opened = await openedOnce(key, async () => {
    const [training, validation] = [
      await readListed(root, SET.parts[0].folder, speakers[0], options),
      await readListed(root, SET.parts[1].folder, speakers[1], options),
    ];
    const verified =
      (await isVerified(root, SET.parts[0], speakers[0], training)) &&
      (await isVerified(root, SET.parts[1], speakers[1], validation));
    return sized(training, validation, verified);
  });
  return speechData(opened, { folder: join(root, "LibriSpeech") });
}

/** Speech with what it is known by. */
interface Opened {
  readonly training: SpeechExamples;
  readonly validation: SpeechExamples;
  readonly fingerprint: string;
  readonly verified: boolean;
}

function sized(training: SpeechExamples, validation: SpeechExamples, verified: boolean): Sized<Opened> {
  const splits = [training, validation];
  const parts = splits.flatMap(({ digests, transcripts }) => [digests.join("\n"), transcripts.join("\n")]);
  const frames = splits.flatMap(({ lengths }) => [...lengths]).reduce((sum, length) => sum + length, 0);
  return {
    value: { training, validation, fingerprint: fingerprintOf("speech", ...parts), verified },
    bytes: 4 * MEL.bands * frames,
  };
}

function speechData(opened: Opened, from: From): SpeechData {
  const { training, validation } = opened;
  const words = [training, validation].flatMap(({ transcripts }) =>
    transcripts.flatMap((text) => text.split(" ")),
  );
  const seen = words.every((word) => DIGIT_WORDS.has(word))
    ? `spoken digits in ${SET.title}'s layout`
    : undefined;
  const origin = originOf(WORDS, { ...opened, from, seen });
  const provenance = { ...origin, training: training.count, validation: validation.count };
  return { provenance, training, validation };
}

/** Whether every sound file and every transcript that is used is the public archive's. */
async function isVerified(
  root: string,
  part: Part,
  speakers: readonly Speaker[],
  { ids, digests }: SpeechExamples,
): Promise<boolean> {
  const published = await publishedDigests(join(root, part.folder), part);
  if (published === undefined) return false;
  const expected = (path: string): string | undefined =>
    published(relative(join(root, part.folder), path).replaceAll("\\", "/"));
  const paths = new Map(speakers.flatMap(({ lines }) => lines.map(({ id, path }) => [id, path])));
  const texts = speakers.flatMap(({ transcripts }) => Object.entries(transcripts));
  return (
    ids.every((id, i) => expected(paths.get(id) ?? "") === digests[i]) &&
    texts.every(([path, sha256]) => expected(path) === sha256)
  );
}

/**
 * The utterances of one part, such as `LibriSpeech/dev-clean` below `root`: folders speaker/chapter with
 * `<speaker>-<chapter>.trans.txt` and one FLAC file per line of it.
 */
export async function readUtterances(
  root: string,
  part: string,
  options: Pick<SpeechOptions, "limit" | "onProgress" | "signal"> = {},
): Promise<SpeechExamples> {
  return readListed(root, part, await listSpeakers(root, part, options.limit), options);
}

async function readListed(
  root: string,
  part: string,
  speakers: readonly Speaker[],
  { limit = Infinity, onProgress, signal }: Pick<SpeechOptions, "limit" | "onProgress" | "signal">,
): Promise<SpeechExamples> {
  const meter = progressMeter(`features of ${part}`, speakers.length, onProgress);
  const utterances: Utterance[] = [];
  for (const [i, speaker] of speakers.entries()) {
    utterances.push(...(await readSpeaker(root, speaker, signal)));
    meter(i + 1);
  }
  return speechExamples(utterances.slice(0, limit), join(root, part));
}

/** What lies in a speaker's folder; no sound is read for it. */
interface Speaker {
  readonly lines: readonly TranscriptLine[];
  /** Path below the data root, size and time of change of each line's sound. */
  readonly files: Json;
  /** SHA-256 of each file of transcripts, by path. */
  readonly transcripts: Readonly<Record<string, string>>;
}

/** The first speakers by name, as many as have `limit` utterances. */
async function listSpeakers(root: string, part: string, limit = Infinity): Promise<Speaker[]> {
  const folder = join(root, part);
  const entries = (await readdir(folder, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const speakers: Speaker[] = [];
  let count = 0;
  for (const { name } of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (count >= limit) break;
    const speaker = await listSpeaker(root, join(folder, name));
    speakers.push(speaker);
    count += speaker.lines.length;
  }
  return speakers;
}

async function listSpeaker(root: string, folder: string): Promise<Speaker> {
  const lines: TranscriptLine[] = [];
  const transcripts: Record<string, string> = {};
  for (const path of await filesBelow(folder)) {
    if (!path.endsWith(".trans.txt")) continue;
    const text = await readFile(path, "utf8");
    transcripts[path] = sha256Of(text);
    lines.push(...transcriptLines(text, path));
  }
  const files = await Promise.all(
    lines.map(async ({ path }) => {
      const identity = await fileIdentity(path);
      if (identity === null) throw new DataError(`${path}: a transcript is there, the sound is not`);
      return [relative(root, path), identity];
    }),
  );
  return { lines, files, transcripts };
}

async function readSpeaker(
  root: string,
  { lines, files }: Speaker,
  signal?: AbortSignal,
): Promise<Utterance[]> {
  const settings = { ...MEL, normalised: "band over utterance", digests: "sha256", files };
  const { meta, data } = await cached(root, "features", settings, () => featuresOf(lines, signal));
  const { counts, digests } = meta as unknown as FeaturesMeta;
  const frames = split(counts, data as Float32Array);
  return lines.map(({ id, labels }, i) => ({ id, labels, frames: frames[i], sha256: digests[i] }));
}

/** Of each utterance: its number of frames, and SHA-256 of its sound file. */
type FeaturesMeta = { readonly counts: readonly number[]; readonly digests: readonly string[] };

interface TranscriptLine {
  readonly id: string;
  readonly path: string;
  readonly labels: Int32Array;
}

/** Lines of "<utterance id> <transcript>". */
function transcriptLines(text: string, path: string): TranscriptLine[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, id, transcript] = /^(\S+)\s*(.*)$/.exec(line.trim()) ?? ["", "", ""];
      const labels = encodeTranscript(transcript, `${path}: ${id}`);
      return { id, path: join(dirname(path), `${id}.flac`), labels };
    });
}

/** Features of all utterances, one after the other. */
async function featuresOf(
  lines: readonly TranscriptLine[],
  signal?: AbortSignal,
): Promise<{ meta: FeaturesMeta; data: Float32Array }> {
  const flac = await flacReader();
  const spectrogram = melSpectrogram();
  const all: Frames[] = [];
  const digests: string[] = [];
  try {
    for (const { path } of lines) {
      signal?.throwIfAborted();
      const { sampleRate, samples, sha256 } = await flac.read(path);
      if (sampleRate !== MEL.sampleRate) {
        throw new DataError(`${path}: expected ${MEL.sampleRate} samples a second, found ${sampleRate}`);
      }
      all.push(normaliseAndAverage(spectrogram(samples)));
      digests.push(sha256);
    }
  } finally {
    flac.free();
  }
  const data = new Float32Array(all.reduce((sum, frames) => sum + frames.data.length, 0));
  let at = 0;
  for (const frames of all) {
    data.set(frames.data, at);
    at += frames.data.length;
  }
  return { meta: { counts: all.map(({ count }) => count), digests }, data };
}

function split(counts: readonly number[], data: Float32Array): Frames[] {
  let at = 0;
  return counts.map((count) => {
    const frames = { count, bands: MEL.bands, data: data.subarray(at, at + count * MEL.bands) };
    at += frames.data.length;
    return frames;
  });
}
