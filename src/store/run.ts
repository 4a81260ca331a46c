import * as fs from "node:fs";
import { basename } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { sumOfFile } from "../core/files/hash-file.js";
import { emitWarning, openFolder, rowsPath, type OpenFolder, type OpenOptions } from "./folder.js";
import { setAsideFile } from "./aside.js";
import { findCheckpoint, writeCheckpoint, type Checkpoint } from "./checkpoints.js";
import {
  checkSameTraining,
  identityOf,
  newRecord,
  recordPath,
  RUN,
  runFolder,
  type RecordChange,
  type RunDescription,
  type RunRecord,
} from "./record.js";
import type { Row } from "./rows.js";
import { writeSafetensors, type Metadata } from "./safetensors.js";
import { dropSteps, stepFile, stepsIn } from "./step-files.js";
import { layout, readerOf, readRun, type RunReader } from "./stored-run.js";

export type { Checkpoint } from "./checkpoints.js";
export type { OpenOptions } from "./folder.js";
export type { RunDescription, RunRecord } from "./record.js";
export { runFolder, runId } from "./record.js";

/**
 * A run that this process trains. Nothing is ever half written, and everything is on the disk when a method returns.
 * Each method that writes first sees to it that the run's lock is still this process's; else it throws a StoreError.
 *
 * Between two checkpoints write arrays, memory, weights and rows of each measured step, in this order; then the checkpoint of
 * the last of these steps. A process killed at any instant leaves a run that `resumeFrom` puts back exactly to its
 * newest checkpoint, so that deterministic training ends with the same bytes as without the interruption.
 */
export interface Run extends RunReader {
  /** Changes the record. @throws StoreError */
  update(change: RecordChange): void;
  /** Adds rows of a measured step. @throws StoreError; DataError for a value that is no number, text, boolean or null */
  appendRows(rows: readonly Row[]): void;
  /**
   * Writes the arrays of a measured step; replaces those that are there. In a finished run they join them, and count once
   * the record is updated. @throws StoreError
   */
  writeArrays(step: number, arrays: NamedArrays): void;
  /** Keeps the weights of a step for later analyses; replaces those that are there. @throws StoreError */
  writeWeights(step: number, weights: NamedArrays): void;
  /**
   * Keeps what training remembers at a step besides its weights, for runs that branch off there: write it before the
   * weights, so that weights that are there never lack it. Replaces what is there. @throws StoreError
   */
  writeMemory(step: number, slots: NamedArrays, metadata: Metadata): void;
  /**
   * Writes what training needs to go on from a step: everything measured up to it must have been written. Keeps this
   * checkpoint and the one before, in case this one is damaged later. @throws StoreError
   */
  writeCheckpoint(step: number, arrays: NamedArrays, metadata?: Metadata): void;
  /**
   * Goes back to the newest whole checkpoint and drops the rows, arrays, weights and memory that lie after it. Without any
   * checkpoint it goes back to the start and drops them all: training makes them again. A damaged checkpoint is passed
   * over with a warning. The record says "running" again.
   * @param check throws a DataError for a checkpoint that lacks what training needs: then that one is damaged too
   * @returns what to go on from; undefined means from the start
   * @throws DataError if there are checkpoints but none is usable; StoreError if the run is finished
   */
  resumeFrom(check?: (checkpoint: Checkpoint) => void): Checkpoint | undefined;
  /** Removes all but the newest `keep` checkpoints; 0 when a run is finished. @throws StoreError */
  pruneCheckpoints(keep: number): void;
  /** Gives the run back. Writing to it afterwards is an error. */
  close(): void;
}

/**
 * Opens the run of a description under `root` for training, a new one or one that was interrupted, and locks it. One that
 * another process has finished meanwhile is opened too: see its record.
 * @throws StoreError if another process has it, the folder cannot be written, or it was trained with other defaults
 * @throws DataError if its run.json is damaged or missing (see `setAsideDamaged`)
 */
export function openRun(root: string, description: RunDescription, options: OpenOptions = {}): Run {
  const folder = runFolder(root, identityOf(description));
  const opened = openFolder<RunRecord>(RUN, folder, {
    ...options,
    create: () => newRecord(description),
    check: (stored) => warnOfAdded(folder, checkSameTraining(folder, stored, description), options.onWarning),
  });
  return writableRun(folder, opened);
}

/**
 * The run of a description under `root`, for reading; undefined if there is none. A training field that its record does
 * not have, because it was added to the task since, is warned of.
 * @throws DataError if it is damaged; StoreError if it was trained with other defaults
 */
export function findRun(
  root: string,
  description: RunDescription,
  { onWarning }: Pick<OpenOptions, "onWarning"> = {},
): RunReader | undefined {
  const folder = runFolder(root, identityOf(description));
  if (!fs.existsSync(recordPath(folder))) return undefined;
  const run = readRun(folder);
  warnOfAdded(folder, checkSameTraining(folder, run.record, description), onWarning);
  return run;
}

function warnOfAdded(folder: string, added: readonly string[], warn = emitWarning): void {
  if (added.length === 0) return;
  warn(
    `${folder}: trained before the task had ${added.join(", ")}: its record does not say what it had there`,
  );
}

function writableRun(folder: string, opened: OpenFolder<RunRecord>): Run {
  const rows = rowsPath(folder);
  const steps = layout.steps(folder);
  const weights = layout.weights(folder);
  const moments = layout.moments(folder);
  const checkpoints = layout.checkpoints(folder);
  const { update, appendRows, warn, mustBeOurs, close } = opened;
  const pathOf = (place: string, step: number): string =>
    opened.pathToWrite(`${basename(place)}/${basename(stepFile(place, step))}`);
  // Of a run whose record was lost nobody knows that it was not finished: what it measured is kept.
  const setContentAside = (): void => {
    for (const place of [rows, steps, weights, moments].filter((path) => fs.existsSync(path))) {
      warn(`${place}: kept as ${setAsideFile(place)}`);
    }
    writeFileAtomic(rows, "", folder);
  };
  return {
    ...readerOf(folder, () => opened.record),
    get record() {
      return opened.record;
    },
    update,
    appendRows,
    close,
    writeArrays(step, arrays) {
      writeSafetensors(pathOf(steps, step), arrays, {}, folder);
    },
    writeWeights(step, arrays) {
      writeSafetensors(pathOf(weights, step), arrays, {}, folder);
    },
    writeMemory(step, slots, metadata) {
      writeSafetensors(pathOf(moments, step), slots, metadata, folder);
    },
    writeCheckpoint(step, arrays, metadata = {}) {
      mustBeOurs();
      writeCheckpoint(checkpoints, step, arrays, metadata, sumOfFile(rows));
      const [before] = stepsIn(checkpoints)
        .filter((other) => other < step)
        .slice(-1);
      dropSteps(checkpoints, (other) => other !== step && other !== before); // later ones were passed over as damaged
    },
    resumeFrom(check) {
      mustBeOurs();
      if (opened.record.status === "finished")
        throw new StoreError(`run ${folder} is finished: there is nothing to resume`);
      const found = findCheckpoint(checkpoints, rows, warn, check);
      if (!found && opened.salvaged) setContentAside();
      opened.cutRows(found?.rowsBytes ?? 0);
      const reached = found?.checkpoint.step ?? -1;
      for (const place of [steps, weights, moments]) dropSteps(place, (step) => step > reached);
      if (opened.record.status !== "running")
        update({ status: "running", failure: undefined, diverged: undefined });
      return found?.checkpoint;
    },
    pruneCheckpoints(keep) {
      mustBeOurs();
      const newestFirst = stepsIn(checkpoints).reverse();
      const kept = new Set(newestFirst.slice(0, keep));
      dropSteps(checkpoints, (step) => !kept.has(step));
    },
  };
}
