import { readFile } from "node:fs/promises";
import { Tokenizer } from "@huggingface/tokenizers";
import { ConfigError, DataError, messageOf } from "../../core/errors.js";
import { UNKNOWN } from "./words.js";

/** Words to numbers and back. */
export interface Tokeniser {
  /** "512 words of the training text", "GPT-NeoX-20B". */
  readonly name: string;
  /** What one token is, in the plural. */
  readonly unit: "words" | "tokens";
  /** Size of the vocabulary: every token is in [0, size). */
  readonly size: number;
  /** The tokens of one word; at least one. */
  encode(word: string): readonly number[];
  /** @throws DataError if a token is outside the vocabulary */
  decode(tokens: ArrayLike<number>): string;
}

/**
 * The words of a text by falling frequency (ties in code-point order), `<unk>` first, at most `size` in all.
 * @throws ConfigError if `size` is not an integer >= 2; DataError if there are no words
 */
export async function buildVocabulary(
  lines: AsyncIterable<readonly string[]> | Iterable<readonly string[]>,
  size: number,
): Promise<string[]> {
  if (!Number.isInteger(size) || size < 2) {
    throw new ConfigError(`buildVocabulary: size must be an integer >= 2, found ${size}`);
  }
  const counts = new Map<string, number>();
  for await (const words of lines) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  counts.delete(UNKNOWN);
  if (counts.size === 0) throw new DataError("buildVocabulary: the text holds no words");
  const byFrequency = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return [UNKNOWN, ...byFrequency.slice(0, size - 1).map(([word]) => word)];
}

/** One token per word of `vocabulary`, whose first entry stands for every word that is not in it. */
export function wordTokeniser(vocabulary: readonly string[]): Tokeniser {
  const tokens = new Map(vocabulary.map((word, i) => [word, [i]]));
  return {
    name: `${vocabulary.length} words of the training text`,
    unit: "words",
    size: vocabulary.length,
    encode: (word) => tokens.get(word) ?? [0],
    decode: (list) => {
      checkTokens(list, vocabulary.length, "decode");
      return Array.from(list, (token) => vocabulary[token]).join(" ");
    },
  };
}

/**
 * The byte-level BPE of a Hugging Face `tokenizer.json`, such as GPT-NeoX-20B's. Every word is encoded with the space
 * before it, as within running text; a text without punctuation splits nowhere but at its spaces, so the tokens of its
 * words, one after the other, are the tokens of the text. `<unk>` becomes `<|endoftext|>`, where there is such a token.
 * @throws DataError if the file is damaged
 */
export async function bpeTokeniser(path: string, name: string): Promise<Tokeniser> {
  const tokeniser = await readTokeniser(path);
  const size = Math.max(...tokeniser.get_vocab().values()) + 1;
  const unknown = tokeniser.token_to_id("<|endoftext|>");
  const known = new Map<string, readonly number[]>(unknown === undefined ? [] : [[UNKNOWN, [unknown]]]);
  return {
    name,
    unit: "tokens",
    size,
    encode: (word) => {
      const tokens = known.get(word) ?? tokeniser.encode(` ${word}`, { add_special_tokens: false }).ids;
      known.set(word, tokens);
      return tokens;
    },
    decode: (list) => {
      checkTokens(list, size, "decode");
      return tokeniser.decode(Array.from(list)).trimStart();
    },
  };
}

async function readTokeniser(path: string): Promise<Tokenizer> {
  try {
    const json = JSON.parse(await readFile(path, "utf8")) as ConstructorParameters<typeof Tokenizer>[0];
    return new Tokenizer(json, { clean_up_tokenization_spaces: false });
  } catch (error) {
    throw new DataError(`${path}: expected a Hugging Face tokenizer.json: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** @throws DataError naming the place and the first token that is not in [0, size) */
export function checkTokens(tokens: ArrayLike<number>, size: number, place: string): void {
  for (let i = 0; i < tokens.length; i++) {
    if (!(tokens[i] >= 0 && tokens[i] < size)) {
      throw new DataError(`${place}: token ${i} must be in [0, ${size}), the vocabulary, found ${tokens[i]}`);
    }
  }
}
