import { ConfigError, DataError } from "../../core/errors.js";
import type { HostExamples, IntArray } from "../dataset.js";
import { checkIndices } from "../examples.js";
import type { Tokeniser } from "./tokeniser.js";

/** Tokens of a text; 16 bits where the vocabulary fits. */
export type Tokens = Uint16Array | Int32Array;

/** One batch of text: inputs are all tokens but the last of each row, targets all but the first. */
export interface TextBatch {
  /** I32 [batch, length + 1]. */
  readonly tokens: IntArray;
}

/** All words of a text as tokens, one after the other, with nothing between lines. */
export async function encodeText(
  lines: AsyncIterable<readonly string[]> | Iterable<readonly string[]>,
  tokeniser: Tokeniser,
): Promise<Tokens> {
  const make = (size: number): Tokens =>
    tokeniser.size <= 65536 ? new Uint16Array(size) : new Int32Array(size);
  let tokens = make(1 << 16);
  let count = 0;
  for await (const words of lines) {
    for (const word of words) {
      for (const token of tokeniser.encode(word)) {
        if (count === tokens.length) {
          const larger = make(2 * count);
          larger.set(tokens);
          tokens = larger;
        }
        tokens[count++] = token;
      }
    }
  }
  return tokens.slice(0, count);
}

/**
 * Packs a text into sequences of `length` + 1 tokens that do not overlap; what is left over at the end is dropped.
 * @throws ConfigError if `length` is not an integer >= 1; DataError if the text is shorter than one sequence
 */
export function sequences(tokens: Tokens, length: number, place: string): HostExamples<TextBatch> {
  if (!Number.isInteger(length) || length < 1) {
    throw new ConfigError(`${place}: sequence length must be an integer >= 1, found ${length}`);
  }
  const row = length + 1;
  const count = Math.floor(tokens.length / row);
  if (count === 0) throw new DataError(`${place}: one sequence takes ${row} tokens, found ${tokens.length}`);
  return {
    count,
    batch(indices) {
      checkIndices(place, indices, count);
      const data = new Int32Array(indices.length * row);
      for (let i = 0; i < indices.length; i++) {
        data.set(tokens.subarray(indices[i] * row, (indices[i] + 1) * row), i * row);
      }
      return { tokens: { dtype: "I32", shape: [indices.length, row], data } };
    },
  };
}
