import { DataError } from "../../core/errors.js";
import { formatOf } from "../../core/files/format.js";

/** Marks at the start of a text that say how it is encoded, longest first. */
const MARKS: readonly (readonly [bytes: readonly number[], name: string])[] = [
  [[0xff, 0xfe, 0, 0], "UTF-32 (little-endian)"],
  [[0, 0, 0xfe, 0xff], "UTF-32 (big-endian)"],
  [[0xff, 0xfe], "UTF-16 (little-endian)"],
  [[0xfe, 0xff], "UTF-16 (big-endian)"],
];

/** Formats that a text may begin like. */
const TEXTUAL = new Set(["json"]);

/**
 * Checks the first bytes of what should be UTF-8 text.
 * @throws DataError naming the encoding or the kind of file that was found
 */
export function checkTextStart(start: Uint8Array, place: string): void {
  const mark = MARKS.find(([bytes]) => bytes.every((byte, i) => start[i] === byte));
  if (mark)
    throw new DataError(`${place}: expected text in UTF-8, found ${mark[1]}: convert it (iconv -t UTF-8)`);
  const format = formatOf(start.subarray(0, 64));
  if (format && !TEXTUAL.has(format.name)) {
    throw new DataError(`${place}: expected text, found ${format.description}`);
  }
  const nul = start.indexOf(0);
  if (nul < 0) return;
  const wide = start.length > 3 && [0, 2].every((i) => (start[i] === 0) !== (start[i + 1] === 0));
  const found = wide
    ? `UTF-16 without its mark (${start[0] === 0 ? "big" : "little"}-endian): convert it (iconv -t UTF-8)`
    : `binary data (a NUL at byte ${nul})`;
  throw new DataError(`${place}: expected text in UTF-8, found ${found}`);
}

/** Decodes UTF-8 that comes in pieces. */
export interface TextDecoding {
  /** @throws DataError if a piece holds a NUL or is not UTF-8 */
  decode(piece: Uint8Array): string;
  /** What is left at the end. @throws DataError if the last character is cut short */
  end(): string;
}

/** A decoder that drops a byte-order mark and refuses what is no text. */
export function textDecoding(place: string): TextDecoding {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let done = 0;
  const decode = (piece: Uint8Array, stream: boolean): string => {
    try {
      return decoder.decode(piece, { stream });
    } catch (error) {
      throw new DataError(
        `${place}: expected text in UTF-8, found other bytes between ${Math.max(0, done - 3)} and ` +
          `${done + piece.length} (Latin-1 or binary data?): convert it (iconv -f LATIN1 -t UTF-8)`,
        { cause: error },
      );
    }
  };
  return {
    decode: (piece) => {
      if (done === 0) checkTextStart(piece, place);
      const nul = piece.indexOf(0);
      if (nul >= 0) {
        throw new DataError(
          `${place}: expected text in UTF-8, found binary data (a NUL at byte ${done + nul})`,
        );
      }
      const text = decode(piece, true);
      done += piece.length;
      return text;
    },
    end: () => decode(new Uint8Array(0), false),
  };
}

/** A whole text, without a byte-order mark. @throws DataError if it is not UTF-8 */
export function textOf(bytes: Uint8Array, place: string): string {
  const decoding = textDecoding(place);
  return decoding.decode(bytes) + decoding.end();
}
