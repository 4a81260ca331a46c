import { float32, type NdArray } from "spectral-lab/core/array";
import type { DataRecord } from "spectral-lab/store/record";
import { openRun } from "spectral-lab/store/run";
import { readRun, type RunReader } from "spectral-lab/store/stored-run";
import type { RunRequest } from "spectral-lab/tasks/run";
import { describeRequest } from "../store/description.js";

/** What an invented run has measured. */
export interface Example {
  readonly matrices: readonly string[];
  readonly contacts: readonly string[];
  /** Singular values of each matrix and entries of each diagonal; default 6. */
  readonly size?: number;
  /** How much the effective rank of every matrix falls; default 0.5. */
  readonly fall?: number;
  /** Alignment at the end; at the start it is chance. */
  readonly aligned?: number;
  readonly data?: Partial<DataRecord>;
  /** Of a branch that is held at another run's norms. */
  readonly held?: { readonly trunk: string; readonly norms: string };
  /** The step at which it diverged, after 50; default it is finished. */
  readonly diverged?: number;
}

/** Writes a finished run of a request under `root`, measured at steps 0, 50 and 100, with invented numbers. */
export function storeExample(root: string, request: Omit<RunRequest, "runs">, example: Example): RunReader {
  const { matrices, contacts, size = 6, fall = 0.5, aligned = 0.6 } = example;
  const { held, diverged } = example;
  const origin = held && { run: held.trunk, step: 0, edit: `norms:${held.norms}` };
  const run = openRun(root, { ...describeRequest(request, example.data), ...(origin && { origin }) });
  if (held) run.update({ norms: { run: held.norms, steps: [0, 50, 100], hash: "0123456789ab" } });
  for (const [moment, step] of (diverged === undefined ? [0, 50, 100] : [0, 50]).entries()) {
    const part = moment / 2;
    const origin = { step, epoch: part * 4 };
    const arrays = new Map<string, NdArray>();
    const diagonal = (scale: number, rate: number): NdArray =>
      float32([size], new Float32Array(size).map((_, i) => scale * Math.exp(-rate * i))); // prettier-ignore
    matrices.forEach((matrix) => arrays.set(`singular-values/${matrix}`, diagonal(1 + 3 * part, 0.2 + part)));
    contacts.forEach((contact) => arrays.set(`alignment/${contact}`, diagonal(aligned * part, 0.1)));
    run.writeArrays(step, arrays);
    run.appendRows([
      ...["train", "validation"].flatMap((split) => [
        { ...origin, probe: "metrics", split, variant: "full", metric: "loss", value: 2 - 1.5 * part },
        { ...origin, probe: "metrics", split, variant: "full", metric: "error", value: 0.9 - 0.89 * part },
        { ...origin, probe: "pruning", split, variant: "top", metric: "loss", value: 2.1 - 1.5 * part },
        { ...origin, probe: "pruning", split, variant: "bottom", metric: "loss", value: 2 - 0.2 * part },
      ]),
      ...matrices.map((matrix, depth) => ({
        ...origin,
        probe: "spectra",
        matrix,
        depth,
        effectiveRank: 0.9 - fall * part,
        stableRank: 0.25,
        largest: 1,
        frobenius: Math.sqrt(size) / 2,
      })),
      ...contacts.map((contact, depth) => ({
        ...origin,
        probe: "alignment",
        contact,
        depth,
        score: moment === 0 ? 0.1 : aligned * part,
        dimension: 64,
        pairs: 1,
      })),
    ]);
  }
  if (diverged !== undefined) run.update({ status: "failed", failure: "diverged", diverged });
  else
    run.update({
      status: "finished",
      step: 100,
      epoch: 4,
      finished: "2026-01-01T00:00:00Z",
    });
  run.close();
  return readRun(run.folder);
}
