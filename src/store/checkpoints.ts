import { dirname } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { readSafetensors, writeSafetensors, type Metadata } from "./safetensors.js";
import { stepFile, stepsIn } from "./step-files.js";

/** What training goes on from. */
export interface Checkpoint {
  readonly path: string;
  readonly step: number;
  readonly arrays: NamedArrays;
  readonly metadata: Metadata;
}

const ROWS_BYTES = "rowsBytes"; // in the file's metadata

/** Writes a checkpoint, with the length that the file of rows has at this moment. @throws StoreError */
export function writeCheckpoint(
  folder: string,
  step: number,
  arrays: NamedArrays,
  metadata: Metadata,
  rowsBytes: number,
): void {
  const all = { ...metadata, [ROWS_BYTES]: String(rowsBytes) };
  writeSafetensors(stepFile(folder, step), arrays, all, dirname(folder)); // never in a run folder that is gone
}

/**
 * The newest checkpoint that is whole and whose rows are all there, and the length of those rows.
 * @param rowsSize bytes of rows that exist
 * @param warn told of every newer one that is not usable
 * @throws DataError if there are checkpoints but none is usable: what was computed is not thrown away silently
 */
export function findCheckpoint(
  folder: string,
  rowsSize: number,
  warn: (message: string) => void,
): { readonly checkpoint: Checkpoint; readonly rowsBytes: number } | undefined {
  const problems: string[] = [];
  for (const step of stepsIn(folder).reverse()) {
    try {
      const found = readCheckpoint(folder, step, rowsSize);
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
  rowsSize: number,
): { readonly checkpoint: Checkpoint; readonly rowsBytes: number } {
  const path = stepFile(folder, step);
  const { arrays, metadata } = readSafetensors(path);
  const { [ROWS_BYTES]: recorded, ...own } = metadata;
  const rowsBytes = Number(recorded);
  if (!/^\d+$/.test(recorded ?? ""))
    throw new DataError(`${path}: expected "${ROWS_BYTES}" as metadata, found none`);
  if (rowsBytes > rowsSize) {
    throw new DataError(`${path}: expected ${rowsBytes} bytes of rows before it, found ${rowsSize}`);
  }
  return { checkpoint: { path, step, arrays, metadata: own }, rowsBytes };
}
