import type { NamedArrays } from "../core/array.js";
import type { When } from "../core/time.js";
import type { Matrix, Svd, SvdOptions, Vectors } from "../linalg/svd.js";
import type { Decomposition } from "../nn/contacts.js";
import type { Metrics, Model, Parameters } from "../nn/model.js";
import type { Row } from "../store/rows.js";
import type { Examples } from "./examples.js";

/**
 * The network at one moment of its training, shared by all probes that measure there. All that it hands out is its own:
 * a probe disposes no tensor of it and changes no array. It lives until the last probe of its step is done.
 */
export interface Snapshot<Batch = unknown> {
  /** Optimiser steps made so far. */
  readonly step: number;
  /** Epochs made so far; a fraction inside an epoch. */
  readonly epoch: number;
  readonly model: Model<Batch>;
  readonly parameters: Parameters;
  readonly buffers: Parameters;
  /** The training set, for recalibration. */
  readonly training: Examples<Batch>;
  /** Named data sets to evaluate on, such as `train` and `validation`. */
  readonly evaluations: Readonly<Record<string, Evaluation<Batch>>>;
  /** All parameters on the host, read once. */
  arrays(): Promise<NamedArrays>;
  /** One MatrixView of the model, read as a matrix. */
  matrix(name: string): Promise<Matrix>;
  /** A decomposition that this or another probe of the step has declared in `needs`; computed once, off this thread. */
  svd(request: Pick<Decomposition, "matrix" | "rows" | "columns">): Promise<Svd>;
  /** The same decomposition of the run's reference: the weights that it started from, if the caller gave no others. */
  referenceSvd(request: Pick<Decomposition, "matrix" | "rows" | "columns">): Promise<Svd>;
  /**
   * Metrics on a data set of `evaluations`, of the snapshot's own weights (computed once) or of edited ones, which the
   * probe made and disposes itself once the promise is settled.
   */
  evaluate(split: string, edited?: { parameters: Parameters; buffers: Parameters }): Promise<Metrics>;
  /** The buffers that belong to edited weights, from as many training examples as the first evaluation reads; see `recalibrate`. */
  recalibrate(parameters: Parameters): Promise<Parameters>;
}

/** A data set to evaluate on, and how. */
export interface Evaluation<Batch> {
  readonly examples: Examples<Batch>;
  readonly batchSize: number;
  /** Only the first so many examples. Default all. */
  readonly limit?: number;
}

/** What a probe found: rows for tables and arrays for figures. Step, epoch and probe are added to the rows. */
export interface Measurement {
  readonly rows: readonly Row[];
  readonly arrays?: NamedArrays;
}

/** What is measured, and when. */
export interface Probe<Batch = unknown> {
  readonly name: string;
  readonly when: When;
  /** How many singular vectors of each matrix it keeps, and says so in its rows' `vectors`. Default: it keeps none. */
  readonly vectors?: number;
  /** The decompositions that `measure` will read, so that all probes of a step share one per matrix. */
  needs?(model: Model<Batch>): readonly Decomposition[];
  /** About how many bytes of rows and arrays one measurement adds to a run's folder, for plans. Default: few. */
  bytes?(model: Model<Batch>): number;
  /**
   * Measures a snapshot while training goes on. Must dispose every tensor that it makes, also when it fails, and none of
   * the snapshot's; what it returns lies on the host. Its rejection ends the run with that error.
   */
  measure(snapshot: Snapshot<Batch>): Promise<Measurement>;
}

/** Which block of which matrix: equal for requests that share a decomposition. */
export function svdKey({
  matrix,
  rows,
  columns,
}: Pick<Decomposition, "matrix" | "rows" | "columns">): string {
  return `${matrix}[${rows ?? "all"}][${columns ?? "all"}]`;
}

/** One request per matrix or block that asks for all that any of the given ones asks for. */
export function mergeRequests(requests: readonly Decomposition[]): Map<string, Decomposition> {
  const merged = new Map<string, Decomposition>();
  for (const request of requests) {
    const key = svdKey(request);
    const known = merged.get(key);
    merged.set(key, {
      ...request,
      left: known ? larger(known.left, request.left) : request.left,
      right: known ? larger(known.right, request.right) : request.right,
    });
  }
  return merged;
}

/** Whether a decomposition made for one request has all that another asks for. */
export function serves(made: Decomposition, asked: Decomposition): boolean {
  return larger(made.left, asked.left) === made.left && larger(made.right, asked.right) === made.right;
}

function larger(a: Vectors, b: Vectors): Vectors {
  if (a === "all" || b === "all") return "all";
  if (a === "none") return b;
  if (b === "none") return a;
  return Math.max(a, b);
}

/** The rows [r0, r1) and columns [c0, c1) of a matrix; the matrix itself where that is all of it. */
export function block(
  matrix: Matrix,
  rows: readonly [number, number] = [0, matrix.rows],
  columns: readonly [number, number] = [0, matrix.columns],
): Matrix {
  const [r0, r1] = rows;
  const [c0, c1] = columns;
  if (r0 < 0 || r1 > matrix.rows || r0 >= r1 || c0 < 0 || c1 > matrix.columns || c0 >= c1) {
    throw new RangeError(
      `block: rows [${r0}, ${r1}) and columns [${c0}, ${c1}) do not lie in a ${matrix.rows} x ${matrix.columns} matrix`,
    );
  }
  if (c0 === 0 && c1 === matrix.columns) {
    const data = matrix.data.subarray(r0 * matrix.columns, r1 * matrix.columns);
    return { data, rows: r1 - r0, columns: matrix.columns };
  }
  const width = c1 - c0;
  const data = new Float32Array((r1 - r0) * width);
  for (let r = r0; r < r1; r++) {
    data.set(matrix.data.subarray(r * matrix.columns + c0, r * matrix.columns + c1), (r - r0) * width);
  }
  return { data, rows: r1 - r0, columns: width };
}

/** What computes decompositions: a pool of workers, or in tests a function. */
export interface Decomposer {
  svd(matrix: Matrix, options: SvdOptions): Promise<Svd>;
}
