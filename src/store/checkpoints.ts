import { dirname } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { type FileSum, sha256Of, sumOfFile } from "../core/files/hash-file.js";
import { checksumOf } from "./checksum.js";
import { readContent } from "./rows.js";
import { readSafetensors, writeSafetensors, type Metadata } from "./safetensors.js";
import { stepFile, stepsIn } from "./step-files.js";

/** What training goes on from. */
export interface Checkpoint {
  readonly path: string;
  readonly step: number;
  readonly arrays: NamedArrays;
  readonly metadata: Metadata;
}

// In the file's metadata, besides training's own: what the rows were then, and the sum of all that the file holds.
const ROWS_BYTES = "rowsBytes";
const ROWS_SHA256 = "rowsSha256";
const SHA256 = "sha256";

/** Writes a checkpoint, with what the file of rows is at this moment, and a checksum. @throws StoreError */
export function writeCheckpoint(
  folder: string,
  step: number,
  arrays: NamedArrays,
  metadata: Metadata,
  rows: FileSum,
): void {
  const noted = { ...metadata, [ROWS_BYTES]: String(rows.bytes), [ROWS_SHA256]: rows.sha256 };
  const sum = checksumOf(arrays, { step, metadata: noted });
  // within: never in a run folder that is gone
  writeSafetensors(stepFile(folder, step), arrays, { ...noted, [SHA256]: sum }, dirname(folder));
}

/**
 * The newest checkpoint that is whole and whose rows are all there, and the length of those rows.
 * @param rows path of the rows that exist
 * @param warn told of every newer one that is not usable
 * @param check throws a DataError for one that lacks what training needs
 * @throws DataError if there are checkpoints but none is usable: what was computed is not thrown away silently
 */
export function findCheckpoint(
  folder: string,
  rows: string,
  warn: (message: string) => void,
  check: (checkpoint: Checkpoint) => void = () => undefined,
): { readonly checkpoint: Checkpoint; readonly rowsBytes: number } | undefined {
  const problems: string[] = [];
  const content = readContent(rows);
  for (const step of stepsIn(folder).reverse()) {
    try {
      const found = readCheckpoint(folder, step, content);
      check(found.checkpoint);
      problems.forEach((problem) => warn(`${problem}; resuming from step ${step} instead`));
      return found;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error.message);
    }
  }
  if (problems.length === 0) return undefined;
  throw new DataError(
    `${folder}: expected a usable checkpoint, found none: ${problems.join("; ")}. ` +
      `To train this run again from the start, move its checkpoints away`,
  );
}

function readCheckpoint(
  folder: string,
  step: number,
  rows: Buffer,
): { readonly checkpoint: Checkpoint; readonly rowsBytes: number } {
  const path = stepFile(folder, step);
  const { arrays, metadata } = readSafetensors(path);
  const { [SHA256]: sum, ...noted } = metadata;
  const { [ROWS_BYTES]: recorded, [ROWS_SHA256]: rowsSum, ...own } = noted;
  for (const field of [ROWS_BYTES, ROWS_SHA256, SHA256]) {
    if (!/^[0-9a-f]+$/.test(metadata[field] ?? ""))
      throw new DataError(`${path}: expected "${field}" as metadata, found none (${OLDER})`);
  }
  const found = checksumOf(arrays, { step, metadata: noted });
  if (found !== sum) throw new DataError(`${path}: expected content of SHA-256 ${sum}, found ${found}`);
  const rowsBytes = Number(recorded);
  if (rowsBytes > rows.length) {
    throw new DataError(`${path}: expected ${rowsBytes} bytes of rows before it, found ${rows.length}`);
  }
  if (sha256Of(rows.subarray(0, rowsBytes)) !== rowsSum)
    throw new DataError(`${path}: expected the rows before it as they were then, found others`);
  return { checkpoint: { path, step, arrays, metadata: own }, rowsBytes };
}

const OLDER = "`npm run migrate -- FOLDER` adds it to checkpoints of earlier versions";

/**
 * Gives checkpoints of earlier versions, which noted only how long the rows were, what they lack.
 * @param rows path of the run's rows
 * @returns the steps whose checkpoints were written anew
 * @throws DataError for one that is damaged
 */
export function sealCheckpoints(folder: string, rows: string): number[] {
  return stepsIn(folder).filter((step) => {
    const { arrays, metadata } = readSafetensors(stepFile(folder, step));
    const bytes = Number(metadata[ROWS_BYTES] ?? NaN);
    if (SHA256 in metadata || !Number.isSafeInteger(bytes)) return false;
    const sum = sumOfFile(rows, bytes);
    if (sum.bytes === bytes) writeCheckpoint(folder, step, arrays, metadata, sum);
    return sum.bytes === bytes;
  });
}
