import { join } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { currentRecord, rowsPath } from "./folder.js";
import { RUN, type RunRecord } from "./record.js";
import { readRows, type Row } from "./rows.js";
import { readSafetensors, type Safetensors } from "./safetensors.js";
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
  /** Weights at a step, under PyTorch's names. @throws DataError if they are missing or damaged */
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
  return { record: currentRecord(RUN, folder), ...readerOf(folder) };
}

/** What reads a run's files, without its record. */
export function readerOf(folder: string): Omit<RunReader, "record"> {
  const memorySteps = (): number[] => stepsIn(layout.moments(folder));
  return {
    folder,
    rows: () => readRows(rowsPath(folder)).rows,
    steps: () => stepsIn(layout.steps(folder)),
    readArrays: (step, names) => readSafetensors(stepFile(layout.steps(folder), step), names).arrays,
    weightSteps: () => stepsIn(layout.weights(folder)),
    readWeights: (step) => readSafetensors(stepFile(layout.weights(folder), step)).arrays,
    memorySteps,
    readMemory: (step) =>
      memorySteps().includes(step) ? readSafetensors(stepFile(layout.moments(folder), step)) : undefined,
  };
}
