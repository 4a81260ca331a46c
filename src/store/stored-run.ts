import { join } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { StoreError } from "../core/errors.js";
import { holderOf } from "../core/files/lock.js";
import { readRecord, recordPath, type RunRecord } from "./record.js";
import { readRows, type Row } from "./rows.js";
import { openSafetensors, readSafetensors, type Safetensors } from "./safetensors.js";
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

/** The files of a run. */
export const layout = {
  rows: (folder: string): string => join(folder, "rows.jsonl"),
  steps: (folder: string): string => join(folder, "steps"),
  weights: (folder: string): string => join(folder, "weights"),
  moments: (folder: string): string => join(folder, "moments"),
  checkpoints: (folder: string): string => join(folder, "checkpoints"),
  lock: (folder: string): string => join(folder, "lock"),
};

/**
 * Opens a run for reading: takes no lock and changes nothing. The record is that of this moment; a run whose process was
 * killed reads as "interrupted".
 * @throws StoreError if there is no run in the folder; DataError if its run.json is damaged
 */
export function readRun(folder: string): RunReader {
  const stored = readRecord(folder);
  if (stored === undefined) throw new StoreError(`${recordPath(folder)}: expected a run, found no such file`);
  const dead = stored.status === "running" && holderOf(layout.lock(folder)) === undefined;
  const record: RunRecord = dead ? { ...stored, status: "interrupted" } : stored;
  return { record, ...readerOf(folder) };
}

/** What reads a run's files, without its record. */
export function readerOf(folder: string): Omit<RunReader, "record"> {
  const memorySteps = (): number[] => stepsIn(layout.moments(folder));
  return {
    folder,
    rows: () => readRows(layout.rows(folder)).rows,
    steps: () => stepsIn(layout.steps(folder)),
    readArrays: (step, names) => readNamed(stepFile(layout.steps(folder), step), names),
    weightSteps: () => stepsIn(layout.weights(folder)),
    readWeights: (step) => readNamed(stepFile(layout.weights(folder), step)),
    memorySteps,
    readMemory: (step) =>
      memorySteps().includes(step) ? readSafetensors(stepFile(layout.moments(folder), step)) : undefined,
  };
}

function readNamed(path: string, names?: readonly string[]): NamedArrays {
  const file = openSafetensors(path);
  try {
    return new Map((names ?? file.names).map((name) => [name, file.read(name)]));
  } finally {
    file.close();
  }
}
