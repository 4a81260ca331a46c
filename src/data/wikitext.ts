import { join } from "node:path";
import type { Json } from "../core/hash.js";
import { type Cached, cached, isTexts } from "./cache.js";
import type { DataOptions, Dataset } from "./dataset.js";
import { exists } from "./files.js";
import { fingerprintOf } from "./fingerprint.js";
import { fileDigests, fileIdentity } from "./identity.js";
import { type Sized, openedOnce } from "./memory.js";
import { dataRoot, obtain } from "./obtain.js";
import { type From, originOf } from "./provenance.js";
import { PUBLIC_SETS } from "./sources.js";
import { grammar } from "./standins/grammar.js";
import { type TextBatch, type Tokens, encodeText, sequences } from "./text/sequences.js";
import {
  type Tokeniser,
  bpeTokeniser,
  buildVocabulary,
  checkTokens,
  wordTokeniser,
} from "./text/tokeniser.js";
import { wordLines } from "./text/words.js";
import { areVerified } from "./verified.js";

export interface TextOptions extends DataOptions {
  /** Tokens per sequence that are predicted; 2048 in the paper. */
  readonly length: number;
  /**
   * "gpt-neox-20b": the paper's byte-level BPE, from `<root>/gpt-neox-20b/tokenizer.json`; "words": a vocabulary of
   * whole words built from the training text. Default: the first where its file is there, else the second.
   */
  readonly tokeniser?: "gpt-neox-20b" | "words";
  /** Largest vocabulary of "words", `<unk>` included. Default 8192. */
  readonly vocabularySize?: number;
  /** At most this many words of the training text, the first ones; default all. */
  readonly limit?: number;
}

/** Text as sequences of tokens. */
export interface TextData extends Dataset<TextBatch> {
  readonly tokeniser: Tokeniser;
}

const SET = PUBLIC_SETS.wikitext103;

/**
 * WikiText-103: wiki.train.tokens to train on, wiki.valid.tokens to validate, from `<root>/wikitext-103/`, lower-cased
 * and without punctuation (`text/words.ts`), as tokens packed into sequences (`text/sequences.ts`). The vocabulary and
 * the tokens are kept in `<root>/cache/`.
 * @throws DataError if a file cannot be read, a text is shorter than one sequence, or a cached token is outside the
 * vocabulary
 */
export async function openWikiText(options: TextOptions): Promise<TextData> {
  const found = await obtain(SET, options);
  if ("absent" in found) {
    const { limit = Infinity, vocabularySize = 8192 } = options;
    const key = { generated: SET.name, limit: String(limit), vocabularySize };
    return textData(await openedOnce(key, () => generatedText(limit, vocabularySize)), found, options);
  }
  const folder = join(found.root, SET.parts[0].folder);
  const { tokeniser = null, vocabularySize = null, limit = null } = options;
  const paths = [...TEXTS.map((name) => join(folder, name)), `${folder}.json`, tokeniserPath(found.root)];
  const files = await Promise.all(paths.map(async (path) => [path, await fileIdentity(path)]));
  const key = { set: SET.name, tokeniser, vocabularySize, limit, files };
  return textData(await openedOnce(key, () => readText(found.root, options)), { folder }, options);
}

const TEXTS = ["wiki.train.tokens", "wiki.valid.tokens"];

/** Text with what it is known by. */
interface Opened {
  readonly training: Tokens;
  readonly validation: Tokens;
  readonly tokeniser: Tokeniser;
  readonly fingerprint: string;
  readonly verified: boolean;
  /** Fingerprint of the files, whatever was read of them. */
  readonly files?: string;
}

async function readText(root: string, options: TextOptions): Promise<Sized<Opened>> {
  const [part] = SET.parts;
  const paths = TEXTS.map((name) => join(root, part.folder, name));
  const train = await fileIdentity(paths[0]);
  const identity = { words: "lower case, no punctuation", train, limit: options.limit ?? null };
  const { tokeniser, key } = await chooseTokeniser(options, paths[0], identity);
  const read = async (path: string, file: Json, limit?: number): Promise<Tokens> => {
    const lines = wordLines(path, { ...options, limit });
    const compute = async () => ({ meta: null, data: await encodeText(lines, tokeniser) });
    const fits = (kept: Cached): boolean => !(kept.data instanceof Float32Array);
    const { data } = await cached(root, "tokens", { ...identity, ...key, file }, compute, fits);
    checkTokens(data, tokeniser.size, `cached tokens of ${path}`);
    return data as Tokens;
  };
  const training = await read(paths[0], "train", options.limit);
  const validation = await read(paths[1], await fileIdentity(paths[1]));
  const verified = await areVerified(root, join(root, part.folder), part, paths);
  const files = fingerprintOf("files", ...(await fileDigests(root, paths)));
  return sized({ training, validation, tokeniser, verified, files });
}

async function generatedText(limit: number, vocabularySize: number): Promise<Sized<Opened>> {
  const words = Math.min(limit, 200_000);
  const [lines, validationLines] = [grammar(words, "training"), grammar(20_000, "validation")];
  const tokeniser = wordTokeniser(await buildVocabulary(lines, vocabularySize));
  const training = (await encodeText(lines, tokeniser)).slice(0, words);
  const validation = await encodeText(validationLines, tokeniser);
  return sized({ training, validation, tokeniser, verified: false });
}

function sized(text: Omit<Opened, "fingerprint">): Sized<Opened> {
  const { training, validation, tokeniser } = text;
  const fingerprint = fingerprintOf("text", String(tokeniser.size), training, validation);
  return { value: { ...text, fingerprint }, bytes: training.byteLength + validation.byteLength };
}

function textData(opened: Opened, from: From, { length, limit }: TextOptions): TextData {
  const { training, validation, tokeniser } = opened;
  const words = {
    title: SET.title,
    layout: "text in WikiText's layout",
    generated: "generated grammar",
    unit: `sequences of ${length.toLocaleString("en-US")} ${tokeniser.unit}`,
    training: limit === undefined ? Math.floor(training.length / (length + 1)) : undefined,
  };
  const note = limit === undefined ? undefined : `its first ${limit.toLocaleString("en-US")} words`;
  const origin = originOf(words, { ...opened, from, note });
  const train = sequences(training, length, `${origin.name}, training text`);
  const valid = sequences(validation, length, `${origin.name}, validation text`);
  return {
    provenance: { ...origin, training: train.count, validation: valid.count },
    training: train,
    validation: valid,
    tokeniser,
  };
}

function tokeniserPath(root: string): string {
  return join(root, PUBLIC_SETS["gpt-neox-20b"].parts[0].folder, "tokenizer.json");
}

/** The tokeniser asked for, and what identifies it in a cache key. */
async function chooseTokeniser(
  options: TextOptions,
  trainPath: string,
  identity: { readonly [key: string]: Json },
): Promise<{ tokeniser: Tokeniser; key: { readonly [key: string]: Json } }> {
  const { root = dataRoot(), vocabularySize = 8192 } = options;
  const neox = PUBLIC_SETS["gpt-neox-20b"];
  const path = tokeniserPath(root);
  if (options.tokeniser === "gpt-neox-20b") await obtain(neox, { ...options, standIn: "never" });
  if (options.tokeniser !== "words" && (await exists(path))) {
    return { tokeniser: await bpeTokeniser(path, neox.title), key: { bpe: await fileIdentity(path) } };
  }
  const key = { vocabularySize };
  const compute = async (): Promise<Cached> => ({
    meta: await buildVocabulary(wordLines(trainPath, options), vocabularySize),
    data: new Int32Array(0),
  });
  const fits = ({ meta }: Cached): boolean => isTexts(meta) && meta.length >= 2;
  const { meta } = await cached(root, "vocabulary", { ...identity, ...key }, compute, fits);
  return { tokeniser: wordTokeniser(meta as readonly string[]), key };
}
