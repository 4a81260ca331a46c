import { DataError } from "../../core/errors.js";
import { printable } from "../../core/printable.js";

/**
 * The labels of speech, in order; 0 is the CTC blank, which no transcript holds. Apostrophe, space and a to z in this
 * order are the usual labels of character models on LibriSpeech, here after the blank rather than before it.
 */
export const CHARACTERS: readonly string[] = ["<blank>", "'", " ", ..."abcdefghijklmnopqrstuvwxyz"];

const LABELS: ReadonlyMap<string, number> = new Map(
  CHARACTERS.slice(1).map((character, i) => [character, i + 1]),
);

/**
 * The labels of a transcript, case ignored, spaces at the ends dropped and runs of them taken as one.
 * @param place what an error names
 * @returns at least one label, each in [1, 28]
 * @throws DataError if the transcript is empty or holds another character
 */
export function encodeTranscript(text: string, place: string): Int32Array {
  const characters = [...text.trim().replace(/\s+/g, " ").toLowerCase()];
  if (characters.length === 0) throw new DataError(`${place}: the transcript is empty`);
  return Int32Array.from(characters, (character) => {
    const label = LABELS.get(character);
    if (label === undefined) {
      const found = JSON.stringify(character);
      throw new DataError(
        `${place}: expected letters, apostrophes and spaces, found ${found} in "${printable(text, 80)}"`,
      );
    }
    return label;
  });
}

/** The text of labels. @throws DataError if one is outside [1, 28] */
export function decodeLabels(labels: ArrayLike<number>): string {
  return Array.from(labels, (label) => {
    if (!Number.isInteger(label) || label < 1 || label >= CHARACTERS.length) {
      throw new DataError(`decodeLabels: expected labels in [1, ${CHARACTERS.length - 1}], found ${label}`);
    }
    return CHARACTERS[label];
  }).join("");
}
