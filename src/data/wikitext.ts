import { stat } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "../core/errors.js";
import type { Json } from "../core/hash.js";
import { cached } from "./cache.js";
import type { Dataset, DataOptions, Provenance } from "./dataset.js";
import { exists } from "./files.js";
import { dataRoot, obtain } from "./obtain.js";
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

/**
 * WikiText-103: wiki.train.tokens to train on, wiki.valid.tokens to validate, from `<root>/wikitext-103/`, lower-cased
 * and without punctuation (`text/words.ts`), as tokens packed into sequences (`text/sequences.ts`). The vocabulary and
 * the tokens are kept in `<root>/cache/`.
 * @throws DataError if a file cannot be read, a text is shorter than one sequence, or a cached token is outside the
 * vocabulary
 */
export async function openWikiText(options: TextOptions): Promise<TextData> {
  const set = PUBLIC_SETS.wikitext103;
  const found = await obtain(set, options);
  if ("absent" in found) return generatedText(options, found.absent);
  const folder = join(found.root, set.parts[0].folder);
  const [trainPath, validPath] = [join(folder, "wiki.train.tokens"), join(folder, "wiki.valid.tokens")];
  const train = await identityOf(trainPath);
  const identity = { words: "lower case, no punctuation", train, limit: options.limit ?? null };
  const { tokeniser, key } = await chooseTokeniser(options, trainPath, identity);
  const read = async (path: string, file: Json, limit?: number): Promise<Tokens> => {
    const lines = wordLines(path, { ...options, limit });
    const compute = async () => ({ meta: null, data: await encodeText(lines, tokeniser) });
    const { data } = await cached(found.root, "tokens", { ...identity, ...key, file }, compute);
    checkTokens(data, tokeniser.size, `cached tokens of ${path}`);
    return data as Tokens;
  };
  const training = await read(trainPath, "train", options.limit);
  const validation = await read(validPath, await identityOf(validPath));
  return textData(training, validation, tokeniser, options.length, {
    name: set.title,
    standIn: false,
    source: folder,
  });
}

async function generatedText(options: TextOptions, reason: string): Promise<TextData> {
  const words = Math.min(options.limit ?? Infinity, 200_000);
  const [training, validation] = [grammar(words, "training"), grammar(20_000, "validation")];
  const tokeniser = wordTokeniser(await buildVocabulary(training, options.vocabularySize ?? 8192));
  return textData(
    (await encodeText(training, tokeniser)).subarray(0, words),
    await encodeText(validation, tokeniser),
    tokeniser,
    options.length,
    {
      name: `generated grammar (stand-in for ${PUBLIC_SETS.wikitext103.title})`,
      standIn: true,
      source: reason,
    },
  );
}

function textData(
  training: Tokens,
  validation: Tokens,
  tokeniser: Tokeniser,
  length: number,
  provenance: Omit<Provenance, "examples">,
): TextData {
  const train = sequences(training, length, `${provenance.name}, training text`);
  const valid = sequences(validation, length, `${provenance.name}, validation text`);
  return {
    provenance: { ...provenance, examples: train.count + valid.count },
    training: train,
    validation: valid,
    tokeniser,
  };
}

/** The tokeniser asked for, and what identifies it in a cache key. */
async function chooseTokeniser(
  options: TextOptions,
  trainPath: string,
  identity: { readonly [key: string]: Json },
): Promise<{ tokeniser: Tokeniser; key: { readonly [key: string]: Json } }> {
  const { root = dataRoot(), vocabularySize = 8192 } = options;
  const neox = PUBLIC_SETS["gpt-neox-20b"];
  const path = join(root, neox.parts[0].folder, "tokenizer.json");
  if (options.tokeniser === "gpt-neox-20b") await obtain(neox, { ...options, standIn: "never" });
  if (options.tokeniser !== "words" && (await exists(path))) {
    return { tokeniser: await bpeTokeniser(path, neox.title), key: { bpe: await identityOf(path) } };
  }
  const key = { vocabularySize };
  const { meta } = await cached(root, "vocabulary", { ...identity, ...key }, async () => ({
    meta: await buildVocabulary(wordLines(trainPath, options), vocabularySize),
    data: new Int32Array(0),
  }));
  return { tokeniser: wordTokeniser(meta as readonly string[]), key };
}

/** Length and time of change: what a cache takes a file to be known by. */
async function identityOf(path: string): Promise<Json> {
  const { size, mtimeMs } = await stat(path).catch(() => {
    throw new DataError(`${path}: cannot be read`);
  });
  return [size, Math.round(mtimeMs)];
}
