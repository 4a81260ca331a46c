import { DataError, messageOf } from "../core/errors.js";
import { textOf } from "./text/encoding.js";

/** Deepest nesting of brackets that is read; a tokenizer.json has eight levels. */
const DEEPEST = 100;

/**
 * Parses JSON from a foreign file, with or without a byte-order mark.
 * @throws DataError if it is not UTF-8, not JSON, or nested more than a hundred levels deep
 */
export function parseForeignJson(bytes: Uint8Array, place: string): unknown {
  const text = textOf(bytes, place);
  const deep = tooDeepAt(bytes);
  if (deep !== undefined) {
    throw new DataError(
      `${place}: expected JSON of at most ${DEEPEST} levels of brackets, found more at byte ${deep}`,
    );
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`${place}: expected JSON: ${messageOf(error)}`, { cause: error });
  }
}

/** Where brackets outside strings are nested too deep; undefined if nowhere. */
function tooDeepAt(bytes: Uint8Array): number | undefined {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (inString) {
      if (byte === 0x5c) i++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > DEEPEST) return i;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
  }
  return undefined;
}
