import { join } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { openSafetensors } from "./safetensors.js";
import { checkStated, RESULT_ARRAYS, type Statement } from "./statement.js";

/** The one file of arrays of a committed result: "20/alignment/a" is the array "alignment/a" of the place "20". */
export interface Packed {
  /** Names of the arrays of each place, in the order of the file. */
  readonly names: ReadonlyMap<string, readonly string[]>;
  /**
   * Arrays of a place.
   * @param names which ones; default all
   * @throws DataError if there are none, or if the file or a name is missing or damaged
   */
  read(place: string, names?: readonly string[]): NamedArrays;
}

/**
 * Opens the arrays of a committed result. Its content is compared with `files` before the first array is read.
 * @param valid whether a text names a place
 * @param noun what a place is, and an example of a name, for errors
 * @throws DataError if the file is missing or damaged, or names something that is no place
 */
export function openPacked(
  folder: string,
  files: Statement | undefined,
  {
    valid,
    noun,
    example,
  }: { valid(place: string): boolean; readonly noun: string; readonly example: string },
): Packed {
  const path = join(folder, RESULT_ARRAYS);
  if (files) checkStated(folder, RESULT_ARRAYS, files, false);
  const file = openSafetensors(path);
  file.close();
  const names = new Map<string, string[]>();
  for (const key of file.names) {
    const [, place, name] = /^([^/]+)\/(.+)$/s.exec(key) ?? [];
    if (name === undefined || !valid(place)) {
      throw new DataError(`${path}: expected names such as "${example}", found "${printable(key, 80)}"`);
    }
    names.set(place, [...(names.get(place) ?? []), name]);
  }
  let compared = false;
  return {
    names,
    read(place, wanted = names.get(place)) {
      if (files && !compared) checkStated(folder, RESULT_ARRAYS, files, true);
      compared = true;
      if (wanted === undefined)
        throw new DataError(`${path}: expected arrays of ${noun} ${place}, found none`);
      const file = openSafetensors(path);
      try {
        return new Map(wanted.map((name) => [name, file.read(`${place}/${name}`)]));
      } finally {
        file.close();
      }
    },
  };
}
