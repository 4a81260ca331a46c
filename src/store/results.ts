import * as fs from "node:fs";
import { join } from "node:path";
import type { NdArray } from "../core/array.js";
import { StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { at } from "../core/time.js";
import { thin } from "../core/thin.js";
import { RUN, writeRecord } from "./record.js";
import { encodeRow } from "./rows.js";
import { openPacked } from "./packed.js";
import { writeSafetensors } from "./safetensors.js";
import { RESULT_ARRAYS, stateOf } from "./statement.js";
import { readRun, type RunReader } from "./stored-run.js";

/** What of a run's arrays is worth keeping in the repository. */
export interface ExportChoice {
  /** Which arrays, at which of the steps; default none. */
  readonly arrays?: (name: string, step: number) => boolean;
  /** At most this many steps, evenly chosen among those measured, the first and last included; default all. */
  readonly maxSteps?: number;
}

/**
 * Copies the compact part of a run that is finished, or that diverged, to <root>/<task>/<id>: its record (without the path of its data), all rows,
 * and chosen arrays in one file, float64 as float32. `readResult` reads it back as the same run.
 * @returns the folder
 * @throws StoreError if the run goes on or the folder cannot be written
 */
export function exportRun(run: RunReader, root: string, choice: ExportChoice = {}): string {
  const { record } = run;
  if (record.status !== "finished" && record.diverged === undefined) {
    throw new StoreError(
      `exportRun: expected a finished run, or one that diverged, found ${run.folder} ${record.status}`,
    );
  }
  const folder = join(root, record.task, record.id);
  const packed = new Map<string, NdArray>();
  for (const step of thin(run.steps(), choice.maxSteps ?? Infinity)) {
    for (const [name, array] of run.readArrays(step)) {
      if (choice.arrays?.(name, step)) packed.set(`${step}/${name}`, toFloat32(array));
    }
  }
  writeSafetensors(join(folder, RESULT_ARRAYS), packed);
  writeFileAtomic(
    join(folder, "rows.jsonl"),
    run
      .rows()
      .map((row) => `${encodeRow(row)}\n`)
      .join(""),
  );
  const { data, coverage } = record;
  writeRecord(folder, {
    ...record,
    data: { ...data, source: undefined },
    coverage: { ...coverage, weights: at() },
    files: stateOf(folder, RUN.kept),
  });
  return folder;
}

/** Whether a folder holds the compact part of a run rather than the run itself. */
export function isResult(folder: string): boolean {
  return fs.existsSync(join(folder, RESULT_ARRAYS));
}

/** Opens what `exportRun` wrote, like any other run. It has no weights. @throws as readRun */
export function readResult(folder: string): RunReader {
  const run = readRun(folder);
  const packed = openPacked(folder, run.record.files, {
    valid: (step) => /^(0|[1-9]\d{0,14})$/.test(step),
    noun: "step",
    example: "20/alignment/a",
  });
  return {
    ...run,
    steps: () => [...packed.names.keys()].map(Number).sort((a, b) => a - b),
    readArrays: (step, names) => packed.read(String(step), names),
    weightSteps: () => [],
    memorySteps: () => [],
  };
}

function toFloat32(array: NdArray): NdArray {
  return array.dtype === "F64"
    ? { ...array, dtype: "F32", data: Float32Array.from(array.data as Float64Array) }
    : array;
}
