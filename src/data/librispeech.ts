import { dirname, join, relative } from "node:path";
import { DataError } from "../core/errors.js";
import type { Json } from "../core/hash.js";
import { printable } from "../core/printable.js";
import { type Cached, cached } from "./cache.js";
import { type DataOptions, type Dataset, progressMeter } from "./dataset.js";
import { type FileBelow, entriesIn, filesBelow, readData } from "./files.js";
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
import { textOf } from "./text/encoding.js";
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
 * @throws DataError if a FLAC file is damaged or cut short, a transcript is missing, empty, there twice or has foreign
 * characters, or a link leads nowhere
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
    for (const utterance of await readSpeaker(root, speaker, signal)) utterances.push(utterance);
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
  /** The file of transcripts that tells of each utterance, by id. */
  readonly told: Readonly<Record<string, string>>;
}

/**
 * The first speakers by name, as many as have `limit` utterances.
 * @throws DataError if a sound has no transcript, a transcript no sound, or an utterance is there twice
 */
async function listSpeakers(root: string, part: string, limit = Infinity): Promise<Speaker[]> {
  const speakers: Speaker[] = [];
  const seen = new Map<string, string>();
  let count = 0;
  for (const { name, kind } of await entriesIn(join(root, part))) {
    if (kind !== "folder") continue;
    if (count >= limit) break;
    const speaker = await listSpeaker(root, await filesBelow(join(root, part), name));
    for (const { id, path: sound } of speaker.lines) {
      const before = seen.get(id);
      if (before !== undefined)
        throw new DataError(
          `${dirname(sound)}: utterance ${id} is there twice, as ${before} and in ${speaker.told[id]}: ` +
            "remove the copy (of the transcript, or of the folder)",
        );
      seen.set(id, `a line of ${speaker.told[id]}`);
    }
    speakers.push(speaker);
    count += speaker.lines.length;
  }
  return speakers;
}

/** Most bytes of one file of transcripts; LibriSpeech's longest has 30 kB. */
const LONGEST_TRANSCRIPTS = 2 ** 24;

async function listSpeaker(root: string, files: readonly FileBelow[]): Promise<Speaker> {
  const lines: TranscriptLine[] = [];
  const transcripts: Record<string, string> = {};
  const told: Record<string, string> = {};
  const places = new Map(files.map(({ path, at }) => [path, at]));
  for (const { path, at } of files) {
    if (!path.endsWith(".trans.txt")) continue;
    const bytes = await readData(at, () => LONGEST_TRANSCRIPTS);
    transcripts[path] = sha256Of(bytes);
    for (const line of transcriptLines(textOf(bytes, path), path, places)) {
      if (Object.hasOwn(told, line.id))
        throw new DataError(
          `${path}: utterance ${line.id} is there twice, also in ${told[line.id]}: remove the copy of the transcript`,
        );
      told[line.id] = path;
      lines.push(line);
    }
  }
  const named = new Set(lines.map(({ path }) => path));
  const unnamed = [...places.keys()].filter(
    (path) => path.toLowerCase().endsWith(".flac") && !named.has(path),
  );
  if (unnamed.length > 0) {
    const more = unnamed.length > 1 ? ` (and ${unnamed.length - 1} others)` : "";
    throw new DataError(
      `${unnamed[0]}${more}: a sound without a transcript: expected a line of its own in ` +
        `${join(dirname(unnamed[0]), "<speaker>-<chapter>.trans.txt")}, found none`,
    );
  }
  const identities = await Promise.all(
    lines.map(async ({ path, at }) => {
      const identity = await fileIdentity(at);
      if (identity === null) throw new DataError(`${path}: a transcript is there, the sound is not`);
      return [relative(root, path), identity];
    }),
  );
  return { lines, files: identities, transcripts, told };
}

async function readSpeaker(
  root: string,
  { lines, files }: Speaker,
  signal?: AbortSignal,
): Promise<Utterance[]> {
  const settings = { ...MEL, normalised: "band over utterance", digests: "sha256", files };
  const fits = ({ meta, data }: Cached): boolean => isFeatures(meta, data, lines.length);
  const { meta, data } = await cached(root, "features", settings, () => featuresOf(lines, signal), fits);
  const { counts, digests } = meta as unknown as FeaturesMeta;
  const frames = split(counts, data as Float32Array);
  return lines.map(({ id, labels }, i) => ({ id, labels, frames: frames[i], sha256: digests[i] }));
}

/** Of each utterance: its number of frames, and SHA-256 of its sound file. */
type FeaturesMeta = { readonly counts: readonly number[]; readonly digests: readonly string[] };

/** Whether what a cache holds are features of that many utterances. */
function isFeatures(meta: Json, data: Cached["data"], utterances: number): boolean {
  const { counts, digests } = (meta ?? {}) as Partial<Record<keyof FeaturesMeta, unknown>>;
  if (!Array.isArray(counts) || !Array.isArray(digests) || !(data instanceof Float32Array)) return false;
  if (counts.length !== utterances || digests.length !== utterances) return false;
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0)) return false;
  const frames = (counts as number[]).reduce((sum, count) => sum + count, 0);
  return frames * MEL.bands === data.length && digests.every((digest) => typeof digest === "string");
}

interface TranscriptLine {
  readonly id: string;
  readonly path: string;
  /** Where the sound is read. */
  readonly at: string;
  readonly labels: Int32Array;
}

/** An utterance's id is also its file's name. */
const ID = /^[\w-]{1,100}$/;

/** Lines of "<utterance id> <transcript>". */
function transcriptLines(text: string, path: string, places: ReadonlyMap<string, string>): TranscriptLine[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const [, id, transcript] = /^(\S+)\s*(.*)$/.exec(line.trim()) ?? ["", "", ""];
      if (!ID.test(id))
        throw new DataError(
          `${path}: expected lines "<id> <transcript>", found ${JSON.stringify(printable(line, 60))}`,
        );
      const labels = encodeTranscript(transcript, `${path}: ${id}`);
      const sound = join(dirname(path), `${id}.flac`);
      return { id, path: sound, at: places.get(sound) ?? sound, labels };
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
    for (const { path, at } of lines) {
      signal?.throwIfAborted();
      const { sampleRate, samples, sha256 } = await flac.read(at);
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
