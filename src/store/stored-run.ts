import { join } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { DamagedError, DataError, StoreError } from "../core/errors.js";
import { currentRecord, rowsOf } from "./folder.js";
import { RUN, type RunRecord } from "./record.js";
import type { Row } from "./rows.js";
import { readSafetensors, type Safetensors } from "./safetensors.js";
import { checkRowsSize, checkStated, statedSteps, type Statement } from "./statement.js";
import { stepFile, stepsIn } from "./step-files.js";

/** A run as figures and analyses read it, whether it was trained here or came with the repository. */
export interface RunReader {
  /** Where it lies. */
  readonly folder: string;
  readonly record: RunRecord;
  /** Whole rows, in the order in which they were measured. @throws DataError for a damaged row */
  rows(): readonly Row[];
  /** Steps with arrays, rising. */
  steps(): readonly number[];
  /**
   * Arrays measured at a step.
   * @param names which ones; default all
   * @throws DataError if the file or a name is missing or damaged
   */
  readArrays(step: number, names?: readonly string[]): NamedArrays;
  /** Steps whose weights were kept for analyses, rising. */
  weightSteps(): readonly number[];
  /** Weights at a step, under PyTorch's names. @throws DataError if they are missing or damaged; StoreError if they were let go of meanwhile */
  readWeights(step: number): NamedArrays;
  /** Steps of which the optimiser's memory was kept, rising: those of the weights, but for the first and last step. */
  memorySteps(): readonly number[];
  /** What training remembered at a step besides the weights; undefined where none was kept. @throws DataError if damaged */
  readMemory(step: number): Safetensors | undefined;
}

/** The folders of a run's files. */
export const layout = {
  steps: (folder: string): string => join(folder, "steps"),
  weights: (folder: string): string => join(folder, "weights"),
  moments: (folder: string): string => join(folder, "moments"),
  checkpoints: (folder: string): string => join(folder, "checkpoints"),
};

/**
 * Opens a run for reading: takes no lock and changes nothing. The record is that of this moment; a run whose process was
 * killed reads as "interrupted".
 * @throws StoreError if there is no run in the folder; DataError if its run.json is damaged
 */
export function readRun(folder: string): RunReader {
  const record = currentRecord<RunRecord>(RUN, folder);
  return { record, ...readerOf(folder, () => record) };
}

/**
 * Compares a finished run with what its record states: the rows, that every file is there in its length, and the content of
 * those that hold what was measured.
 * @param thorough the content of kept weights too
 * @throws DataError naming the first file that is not as stated. A run that states nothing passes
 */
export function verifyRun(
  { folder, record: { files } }: Pick<RunReader, "folder" | "record">,
  thorough = false,
): void {
  if (!files) return;
  checkRowsSize(folder, files);
  rowsOf(folder, { status: "finished", files });
  for (const name of Object.keys(files.kept)) {
    checkStated(folder, name, files, thorough || !/^(weights|moments)\//.test(name));
  }
}

/**
 * What reads a run's files, without its record.
 * @param record of the run at this moment: of a finished one only what it states is there, and is compared before it is read
 */
export function readerOf(
  folder: string,
  record: () => Pick<RunRecord, "status" | "files">,
): Omit<RunReader, "record"> {
  const compared = new Set<string>();
  const places = {
    steps: layout.steps(folder),
    weights: layout.weights(folder),
    moments: layout.moments(folder),
  };
  type Place = keyof typeof places;

  /** The files of a step: one, and what was added to it later. */
  const filesOf = (place: Place, step: number, files: Statement): string[] => {
    const names = statedSteps(files, place).get(step);
    if (names) return names;
    throw new DataError(
      `${stepFile(places[place], step)}: it does not exist among the files that the record states`,
    );
  };
  const read = (place: Place, step: number, names?: readonly string[]): Safetensors => {
    try {
      return readStated(place, step, names);
    } catch (error) {
      if (error instanceof DamagedError && place !== "steps" && releasedNow(folder, step))
        throw new StoreError(`${stepFile(places[place], step)}: a sweep let go of these weights meanwhile`);
      throw error;
    }
  };
  const readStated = (place: Place, step: number, names?: readonly string[]): Safetensors => {
    const { files } = record();
    if (!files) return readSafetensors(stepFile(places[place], step), names);
    const parts = filesOf(place, step, files).map((name) => {
      if (!compared.has(name)) checkStated(folder, name, files, true);
      compared.add(name);
      return readSafetensors(join(folder, name));
    });
    return { arrays: chosen(parts, names, stepFile(places[place], step)), metadata: parts[0].metadata };
  };
  const stepsOf = (place: Place): number[] => {
    const { files } = record();
    return files ? [...statedSteps(files, place).keys()] : stepsIn(places[place]);
  };
  return {
    folder,
    rows: () => rowsOf(folder, record()),
    steps: () => stepsOf("steps"),
    readArrays: (step, names) => read("steps", step, names).arrays,
    weightSteps: () => stepsOf("weights"),
    readWeights: (step) => read("weights", step).arrays,
    memorySteps: () => stepsOf("moments"),
    readMemory: (step) => (stepsOf("moments").includes(step) ? read("moments", step) : undefined),
  };
}

/** Whether a run has let go of the weights of a step by now, whatever its record said when it was opened. */
function releasedNow(folder: string, step: number): boolean {
  return currentRecord<RunRecord>(RUN, folder).released?.includes(step) ?? false;
}

/** The arrays of several files, a later one's in place of an earlier one's of the same name. @throws DataError */
function chosen(
  parts: readonly Safetensors[],
  names: readonly string[] | undefined,
  path: string,
): NamedArrays {
  const all = new Map(parts.flatMap(({ arrays }) => [...arrays]));
  if (names === undefined) return all;
  return new Map(
    names.map((name) => {
      const array = all.get(name);
      if (array) return [name, array];
      throw new DataError(`${path}: expected a tensor ${JSON.stringify(name)}, found none`);
    }),
  );
}
