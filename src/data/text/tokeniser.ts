import { Tokenizer } from "@huggingface/tokenizers";
import { ConfigError, DataError, messageOf } from "../../core/errors.js";
import { largest } from "../../core/extent.js";
import { printable } from "../../core/printable.js";
import { readData } from "../files.js";
import { parseForeignJson } from "../json.js";
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
  const { tokeniser, size } = await readTokeniser(path);
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

/** Most bytes of a tokenizer.json; Gemma's, one of the longest, has 33 MB. */
const LONGEST = 2 ** 27;

async function readTokeniser(path: string): Promise<{ tokeniser: Tokenizer; size: number }> {
  const bytes = await readData(path, () => LONGEST);
  try {
    const json = parseForeignJson(bytes, path);
    const size = sizeOfVocabulary(json);
    const parts = json as ConstructorParameters<typeof Tokenizer>[0];
    const tokeniser = new Tokenizer(parts, { clean_up_tokenization_spaces: false });
    tokeniser.decode(tokeniser.encode(" the", { add_special_tokens: false }).ids); // what lacks is found at the first use
    return { tokeniser, size };
  } catch (error) {
    const problem = messageOf(error).replace(`${path}: `, "");
    throw new DataError(`${path}: expected a Hugging Face tokenizer.json: ${problem}`, { cause: error });
  }
}

/**
 * One more than the largest token of a tokenizer.json, before anything is made of it.
 * @throws Error if it has no vocabulary, or a token is no integer or far beyond the number of tokens
 */
function sizeOfVocabulary(json: unknown): number {
  const { model, added_tokens: added = [] } = asRecord(json);
  const { vocab } = asRecord(model);
  if (!Array.isArray(added)) throw new Error("added_tokens must be a list");
  const entries: (readonly [text: unknown, id: unknown])[] = added.map((token: unknown) => {
    const { content, id } = asRecord(token);
    return [content, id];
  });
  if (Array.isArray(vocab)) vocab.forEach((entry: unknown, id) => entries.push([asList(entry)[0], id]));
  else for (const entry of Object.entries(asRecord(vocab))) entries.push(entry);
  if (entries.length === added.length) throw new Error("the vocabulary is empty");
  const bound = 2 * entries.length + 1024; // there are gaps in some, for tokens to come
  for (const [text, id] of entries) {
    if (typeof text !== "string") throw new Error("a token must be a text");
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= bound) {
      const place = JSON.stringify(printable(text, 60));
      throw new Error(
        `the id of token ${place} must be an integer in [0, ${bound}), there being ${entries.length} tokens, ` +
          `found ${typeof id === "number" ? id : typeof id}`,
      );
    }
  }
  return largest(entries.map(([, id]) => id as number)) + 1;
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new Error("model.vocab is missing, or a field is of another kind");
}

function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error("a vocabulary that is a list must be one of pairs");
}

/** @throws DataError naming the place and the first token that is not in [0, size) */
export function checkTokens(tokens: ArrayLike<number>, size: number, place: string): void {
  for (let i = 0; i < tokens.length; i++) {
    if (!(tokens[i] >= 0 && tokens[i] < size)) {
      throw new DataError(`${place}: token ${i} must be in [0, ${size}), the vocabulary, found ${tokens[i]}`);
    }
  }
}
