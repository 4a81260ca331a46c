import * as fs from "node:fs";
import type { NamedArrays } from "../core/array.js";
import { DataError, StoreError } from "../core/errors.js";
import { removeStaleTemporaries, writeFileAtomic } from "./atomic.js";
import { findCheckpoint, writeCheckpoint, type Checkpoint } from "./checkpoints.js";
import { storeError } from "./io-error.js";
import { acquireLock, type Lock } from "./lock.js";
import {
  checkSameConfig,
  damaged,
  newRecord,
  readRecord,
  recordPath,
  runFolder,
  writeRecord,
  type RunIdentity,
  type RunProgress,
  type RunRecord,
} from "./record.js";
import { appendRows, readRows, truncateRows, type Row } from "./rows.js";
import { writeSafetensors, type Metadata } from "./safetensors.js";
import { dropSteps, stepFile, stepsIn } from "./step-files.js";
import { layout, readerOf, readRun, type RunReader } from "./stored-run.js";

export type { Checkpoint } from "./checkpoints.js";
export type { RunIdentity, RunProgress, RunRecord, RunStatus } from "./record.js";
export { runFolder, runId } from "./record.js";

/** How a run is opened. */
export interface OpenOptions {
  /** Renames a damaged or missing run.json to run.json.damaged-<n> and goes on from the last checkpoint. */
  readonly setAsideDamaged?: boolean;
  /** Told what was repaired or passed over. Default: a process warning. */
  readonly onWarning?: (message: string) => void;
}

/**
 * A run that this process trains. Nothing is ever half written, and everything is on the disk when a method returns.
 *
 * Between two checkpoints write arrays, memory, weights and rows of each measured step, in this order; then the checkpoint of
 * the last of these steps. A process killed at any instant leaves a run that `resumeFrom` puts back exactly to its
 * newest checkpoint, so that deterministic training ends with the same bytes as without the interruption.
 */
export interface Run extends RunReader {
  /** Changes the record. @throws StoreError */
  update(progress: RunProgress): void;
  /** Adds rows of a measured step. @throws StoreError; DataError for a value that is no number, text, boolean or null */
  appendRows(rows: readonly Row[]): void;
  /** Writes the arrays of a measured step; replaces those that are there. @throws StoreError */
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
   * @returns what to go on from; undefined means from the start
   * @throws DataError if there are checkpoints but none is usable; StoreError if the run is finished
   */
  resumeFrom(): Checkpoint | undefined;
  /** Removes all but the newest `keep` checkpoints; 0 when a run is finished. @throws StoreError */
  pruneCheckpoints(keep: number): void;
  /** Gives the run back. Writing to it afterwards is an error. */
  close(): void;
}

/**
 * Opens the run of an identity under `root` for training, a new one or one that was interrupted, and locks it.
 * @throws StoreError if another process has it, the folder cannot be written, or it was trained with other defaults
 * @throws DataError if its run.json is damaged or missing (see `setAsideDamaged`)
 */
export function openRun(root: string, identity: RunIdentity, options: OpenOptions = {}): Run {
  const folder = runFolder(root, identity);
  const warn =
    options.onWarning ?? ((message: string): void => process.emitWarning(message, "SpectralWarning"));
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw storeError("make the run folder", folder, error);
  }
  const lock = acquireLock(layout.lock(folder), `run ${folder}`);
  try {
    const record = prepareRecord(folder, identity, options.setAsideDamaged ?? false, warn);
    cleanUp(folder, warn);
    return writableRun(folder, record, lock, warn);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** The run of an identity under `root`, for reading; undefined if there is none. @throws DataError if it is damaged */
export function findRun(root: string, identity: RunIdentity): RunReader | undefined {
  const folder = runFolder(root, identity);
  if (readRecord(folder) === undefined) return undefined;
  const run = readRun(folder);
  checkSameConfig(folder, run.record, identity);
  return run;
}

type Warn = (message: string) => void;

function prepareRecord(folder: string, identity: RunIdentity, setAside: boolean, warn: Warn): RunRecord {
  const path = recordPath(folder);
  let stored: RunRecord | undefined;
  try {
    stored = readRecord(folder);
    if (stored === undefined && hasContent(folder))
      throw damaged(path, "the record of this run", "no such file");
  } catch (error) {
    if (!setAside || !(error instanceof DataError)) throw error;
    if (fs.existsSync(path)) warn(`${path} is damaged; kept as ${setAsideFile(path)}`);
  }
  if (stored !== undefined) {
    checkSameConfig(folder, stored, identity);
    return stored;
  }
  const record = newRecord(identity);
  writeRecord(folder, record);
  return record;
}

// A run.json is written before anything else, so a folder with content and without it lost it.
function hasContent(folder: string): boolean {
  return Object.entries(layout).some(([name, place]) => name !== "lock" && fs.existsSync(place(folder)));
}

function setAsideFile(path: string): string {
  let n = 1;
  while (fs.existsSync(`${path}.damaged-${n}`)) n++;
  fs.renameSync(path, `${path}.damaged-${n}`);
  return `${path}.damaged-${n}`;
}

// What killed processes left: half-written files aside, and a row cut short.
function cleanUp(folder: string, warn: Warn): void {
  const { steps, weights, moments, checkpoints } = layout;
  for (const place of [steps, weights, moments, checkpoints]) removeStaleTemporaries(place(folder));
  removeStaleTemporaries(folder);
  const rows = layout.rows(folder);
  if (!fs.existsSync(rows)) writeFileAtomic(rows, "");
  const { bytes, tornBytes } = readRows(rows);
  if (tornBytes === 0) return;
  warn(`${rows}: dropped a last row that was cut short (${tornBytes} bytes)`);
  truncateRows(rows, bytes);
}

function writableRun(folder: string, opened: RunRecord, lock: Lock, warn: Warn): Run {
  const rows = layout.rows(folder);
  const steps = layout.steps(folder);
  const weights = layout.weights(folder);
  const moments = layout.moments(folder);
  const checkpoints = layout.checkpoints(folder);
  let record = opened;
  let open = true;
  const mustBeOpen = (): void => {
    if (!open) throw new StoreError(`run ${folder} was closed: open it again before writing`);
  };

  const update = (progress: RunProgress): void => {
    mustBeOpen();
    const next = { ...record, ...progress };
    writeRecord(folder, next);
    record = next;
  };

  return {
    ...readerOf(folder),
    get record() {
      return record;
    },
    update,
    appendRows(added) {
      mustBeOpen();
      appendRows(rows, added);
    },
    writeArrays(step, arrays) {
      mustBeOpen();
      writeSafetensors(stepFile(steps, step), arrays);
    },
    writeWeights(step, arrays) {
      mustBeOpen();
      writeSafetensors(stepFile(weights, step), arrays);
    },
    writeMemory(step, slots, metadata) {
      mustBeOpen();
      writeSafetensors(stepFile(moments, step), slots, metadata);
    },
    writeCheckpoint(step, arrays, metadata = {}) {
      mustBeOpen();
      writeCheckpoint(checkpoints, step, arrays, metadata, fs.statSync(rows).size);
      const [before] = stepsIn(checkpoints)
        .filter((other) => other < step)
        .slice(-1);
      dropSteps(checkpoints, (other) => other !== step && other !== before); // later ones were passed over as damaged
    },
    resumeFrom() {
      mustBeOpen();
      if (record.status === "finished")
        throw new StoreError(`run ${folder} is finished: there is nothing to resume`);
      const found = findCheckpoint(checkpoints, fs.statSync(rows).size, warn);
      truncateRows(rows, found?.rowsBytes ?? 0);
      const reached = found?.checkpoint.step ?? -1;
      for (const place of [steps, weights, moments]) dropSteps(place, (step) => step > reached);
      if (record.status !== "running") update({ status: "running", failure: undefined });
      return found?.checkpoint;
    },
    pruneCheckpoints(keep) {
      mustBeOpen();
      const newestFirst = stepsIn(checkpoints).reverse();
      const kept = new Set(newestFirst.slice(0, keep));
      dropSteps(checkpoints, (step) => !kept.has(step));
    },
    close() {
      open = false;
      lock.release();
    },
  };
}
