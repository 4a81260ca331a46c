import { float32, type NdArray } from "spectral-lab/core/array";
import { faceted, type FacetedRun } from "spectral-lab/analysis/tables";
import type { Facets } from "spectral-lab/core/facets";
import { openRun } from "spectral-lab/store/run";
import type { Row } from "spectral-lab/store/rows";
import { readRun } from "spectral-lab/store/stored-run";
import { describeRun } from "../store/description.js";

/** What a tiny run has measured, step by step. */
export interface Measured {
  readonly rows: readonly Row[];
  /** Arrays by step and name. */
  readonly arrays?: Readonly<Record<number, Readonly<Record<string, readonly number[]>>>>;
}

/** Writes a finished run of a task that is not the laboratory's, and reads it back. */
export function tinyRun(
  root: string,
  task: string,
  seed: number,
  { rows, arrays = {} }: Measured,
  facets: Facets = {},
): FacetedRun {
  const run = openRun(root, describeRun({ task, seed, config: { width: 2 } }));
  for (const [step, named] of Object.entries(arrays)) {
    const stored = Object.entries(named).map(([name, values]): [string, NdArray] => [
      name,
      float32([values.length], Float32Array.from(values)),
    ]);
    run.writeArrays(Number(step), new Map(stored));
  }
  run.appendRows(rows);
  run.update({ status: "finished", step: 20 });
  run.close();
  return faceted(readRun(run.folder), facets);
}
