import * as fs from "node:fs";
import { join } from "node:path";
import type { NamedArrays, NdArray } from "../core/array.js";
import { DataError, StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { printable } from "../core/printable.js";
import { at } from "../core/time.js";
import { thin } from "../core/thin.js";
import { RUN, writeRecord } from "./record.js";
import { encodeRow } from "./rows.js";
import { openSafetensors, writeSafetensors } from "./safetensors.js";
import { checkStated, RESULT_ARRAYS, stateOf } from "./statement.js";
import { readRun, type RunReader } from "./stored-run.js";

/** What of a run's arrays is worth keeping in the repository. */
export interface ExportChoice {
  /** Which arrays; default none. */
  readonly arrays?: (name: string) => boolean;
  /** At most this many steps, evenly chosen among those measured, the first and last included; default all. */
  readonly maxSteps?: number;
}

/**
 * Copies the compact part of a finished run to <root>/<task>/<id>: its record (without the path of its data), all rows,
 * and chosen arrays in one file, float64 as float32. `readResult` reads it back as the same run.
 * @returns the folder
 * @throws StoreError if the run is not finished or the folder cannot be written
 */
export function exportRun(run: RunReader, root: string, choice: ExportChoice = {}): string {
  const { record } = run;
  if (record.status !== "finished") {
    throw new StoreError(`exportRun: expected a finished run, found ${run.folder} ${record.status}`);
  }
  const folder = join(root, record.task, record.id);
  const packed = new Map<string, NdArray>();
  for (const step of thin(run.steps(), choice.maxSteps ?? Infinity)) {
    for (const [name, array] of run.readArrays(step)) {
      if (choice.arrays?.(name)) packed.set(`${step}/${name}`, toFloat32(array));
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
  const path = join(folder, RESULT_ARRAYS);
  const run = readRun(folder);
  const { files } = run.record;
  if (files) checkStated(folder, RESULT_ARRAYS, files, false);
  const file = openSafetensors(path);
  file.close();
  const namesAt = new Map<number, string[]>();
  for (const key of file.names) {
    const [, step, name] = /^(0|[1-9]\d{0,14})\/(.+)$/s.exec(key) ?? [];
    if (name === undefined) {
      throw new DataError(`${path}: expected names such as "20/alignment/a", found "${printable(key, 80)}"`);
    }
    const names = namesAt.get(Number(step)) ?? [];
    names.push(name);
    namesAt.set(Number(step), names);
  }
  let compared = false;
  return {
    ...run,
    steps: () => [...namesAt.keys()].sort((a, b) => a - b),
    readArrays(step, names) {
      if (files && !compared) checkStated(folder, RESULT_ARRAYS, files, true);
      compared = true;
      return readStep(path, step, names ?? namesAt.get(step));
    },
    weightSteps: () => [],
    memorySteps: () => [],
  };
}

function readStep(path: string, step: number, names: readonly string[] | undefined): NamedArrays {
  if (names === undefined) throw new DataError(`${path}: expected arrays of step ${step}, found none`);
  const file = openSafetensors(path);
  try {
    return new Map(names.map((name) => [name, file.read(`${step}/${name}`)]));
  } finally {
    file.close();
  }
}

function toFloat32(array: NdArray): NdArray {
  return array.dtype === "F64"
    ? { ...array, dtype: "F32", data: Float32Array.from(array.data as Float64Array) }
    : array;
}
