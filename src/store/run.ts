import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { DataError, StoreError } from "../core/errors.js";
import { removeStaleTemporaries, writeFileAtomic } from "../core/files/atomic.js";
import { findCheckpoint, writeCheckpoint, type Checkpoint } from "./checkpoints.js";
import { storeError } from "../core/files/io-error.js";
import { acquireLock, type Lock } from "../core/files/lock.js";
import {
  checkSameTraining,
  damaged,
  identityOf,
  newRecord,
  readRecord,
  recordPath,
  runFolder,
  writeRecord,
  type RecordChange,
  type RunDescription,
  type RunRecord,
} from "./record.js";
import { appendRows, readRows, truncateRows, type Row } from "./rows.js";
import { writeSafetensors, type Metadata } from "./safetensors.js";
import { dropSteps, stepFile, stepsIn } from "./step-files.js";
import { layout, readerOf, readRun, type RunReader } from "./stored-run.js";

export type { Checkpoint } from "./checkpoints.js";
export type { RunDescription, RunRecord, RunStatus } from "./record.js";
export { runFolder, runId } from "./record.js";

/** How a run is opened. */
export interface OpenRunOptions {
  /** Renames a damaged or missing run.json to run.json.damaged-<n> and goes on from the last checkpoint. */
  readonly setAsideDamaged?: boolean;
  /** Told what was repaired or passed over. Default: a process warning. */
  readonly onWarning?: (message: string) => void;
}

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
 * Opens the run of a description under `root` for training, a new one or one that was interrupted, and locks it. One that
 * another process has finished meanwhile is opened too: see its record.
 * @throws StoreError if another process has it, the folder cannot be written, or it was trained with other defaults
 * @throws DataError if its run.json is damaged or missing (see `setAsideDamaged`)
 */
export function openRun(root: string, description: RunDescription, options: OpenRunOptions = {}): Run {
  const folder = runFolder(root, identityOf(description));
  const warn = options.onWarning ?? emitWarning;
  try {
    fs.mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw storeError("make the run folder", folder, error);
  }
  const lock = acquireLock(layout.lock(folder), `run ${folder}`);
  try {
    const record = prepareRecord(folder, description, options.setAsideDamaged ?? false, warn);
    cleanUp(folder, warn);
    return writableRun(folder, record, lock, warn);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * The run of a description under `root`, for reading; undefined if there is none. A training field that its record does
 * not have, because it was added to the task since, is warned of.
 * @throws DataError if it is damaged; StoreError if it was trained with other defaults
 */
export function findRun(
  root: string,
  description: RunDescription,
  { onWarning = emitWarning }: Pick<OpenRunOptions, "onWarning"> = {},
): RunReader | undefined {
  const folder = runFolder(root, identityOf(description));
  if (readRecord(folder) === undefined) return undefined;
  const run = readRun(folder);
  warnOfAdded(folder, checkSameTraining(folder, run.record, description), onWarning);
  return run;
}

/**
 * Moves a run aside, out of the sight of every search, so that it can be trained again: to <root>/<task>/.replaced/<id>-<n>.
 * @returns where it lies now
 * @throws StoreError if another process has it
 */
export function moveRunAside(folder: string): string {
  const lock = acquireLock(layout.lock(folder), `run ${folder}`);
  try {
    const aside = join(dirname(folder), ".replaced");
    fs.mkdirSync(aside, { recursive: true });
    let n = 1;
    while (fs.existsSync(join(aside, `${basename(folder)}-${n}`))) n++;
    const target = join(aside, `${basename(folder)}-${n}`);
    fs.renameSync(folder, target);
    fs.rmSync(layout.lock(target), { force: true });
    return target;
  } catch (error) {
    throw storeError("move aside", folder, error);
  } finally {
    lock.release();
  }
}

type Warn = (message: string) => void;

function emitWarning(message: string): void {
  process.emitWarning(message, "SpectralWarning");
}

function warnOfAdded(folder: string, added: readonly string[], warn: Warn): void {
  if (added.length > 0)
    warn(
      `${folder}: trained before the task had ${added.join(", ")}: its record does not say what it had there`,
    );
}

function prepareRecord(
  folder: string,
  description: RunDescription,
  setAside: boolean,
  warn: Warn,
): RunRecord {
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
    warnOfAdded(folder, checkSameTraining(folder, stored, description), warn);
    return stored;
  }
  const record = newRecord(description);
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
  const mustBeOurs = (): void => {
    if (!open) throw new StoreError(`run ${folder} was closed: open it again before writing`);
    lock.check();
  };

  const update = (change: RecordChange): void => {
    mustBeOurs();
    const next = { ...record, ...change };
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
      mustBeOurs();
      appendRows(rows, added);
    },
    writeArrays(step, arrays) {
      mustBeOurs();
      writeSafetensors(stepFile(steps, step), arrays);
    },
    writeWeights(step, arrays) {
      mustBeOurs();
      writeSafetensors(stepFile(weights, step), arrays);
    },
    writeMemory(step, slots, metadata) {
      mustBeOpen();
      writeSafetensors(stepFile(moments, step), slots, metadata);
    },
    writeCheckpoint(step, arrays, metadata = {}) {
      mustBeOurs();
      writeCheckpoint(checkpoints, step, arrays, metadata, fs.statSync(rows).size);
      const [before] = stepsIn(checkpoints)
        .filter((other) => other < step)
        .slice(-1);
      dropSteps(checkpoints, (other) => other !== step && other !== before); // later ones were passed over as damaged
    },
    resumeFrom() {
      mustBeOurs();
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
      mustBeOurs();
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
