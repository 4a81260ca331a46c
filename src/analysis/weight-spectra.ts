import { freemem } from "node:os";
import { sizeOf } from "../core/array.js";
import { messageOf, SpectralError } from "../core/errors.js";
import { SvdPool } from "../linalg/pool.js";
import { describeSpectrum } from "../probes/spectra.js";
import { isReadable, READ_AS } from "../store/element-types.js";
import { quoted } from "../store/safetensors-header.js";
import type { StoredTensor, Weights } from "../store/weights.js";
import { SMALL, tooLarge } from "./capacity.js";
import { scaleBeside } from "./quantised.js";
import { readingOf, type Reading, type ReadingOptions } from "./readings.js";
import { scaledMatrix, timesPower } from "./scaled-matrix.js";

/** A tensor and how it is read. */
export interface Plan {
  readonly tensor: StoredTensor;
  readonly reading: Reading;
  /** A tensor of scales that the numbers of this one would have to be multiplied with, and are not. */
  readonly unscaled?: string;
}

/** A plan that has matrices. */
export interface MatrixPlan extends Plan {
  readonly reading: Extract<Reading, { rows: number }>;
}

/** One matrix of a tensor, and what was found of it. */
export interface MatrixResult {
  /** The tensor's name, with its place in a stack: "experts[3]". */
  readonly matrix: string;
  readonly plan: MatrixPlan;
  /** Place in the stack; empty where there is none. */
  readonly place: readonly number[];
  readonly outcome: Outcome;
}

export type Outcome =
  | { readonly measures: Readonly<Record<string, number | string>> }
  | {
      /** Why there are none. */
      readonly failed: string;
      /** Of a NaN or an infinity: its index in the tensor, and which it is. */
      readonly index?: number;
      readonly value?: number;
    };

/** How each tensor is read, in the order of the files. */
export function plansOf({ tensors }: Weights, options: ReadingOptions): Plan[] {
  const names = new Set(tensors.map(({ name }) => name));
  return tensors.map((tensor) => {
    const unscaled = tensor.dtype.startsWith("F8_") ? scaleBeside(tensor.name, names) : undefined;
    return {
      tensor,
      reading:
        tensor.leftOut === undefined
          ? readingOf(tensor, names, options)
          : { as: "left out", why: tensor.leftOut },
      ...(unscaled !== undefined && { unscaled }),
    };
  });
}

export function hasMatrices(plan: Plan): plan is MatrixPlan {
  return "rows" in plan.reading;
}

/** How many matrices a tensor holds. */
export function countOf({ reading }: MatrixPlan): number {
  return sizeOf(reading.stack);
}

/**
 * Decomposes every matrix, one after another, so that memory is needed for one at a time. What cannot be decomposed (a NaN,
 * a matrix too large, a file cut short) is a result too, and the others follow.
 */
export async function* spectraOf(
  weights: Weights,
  plans: readonly MatrixPlan[],
): AsyncGenerator<MatrixResult, void> {
  if (plans.length === 0) return;
  const pool = new SvdPool();
  const engine = await pool.description;
  try {
    for (const plan of plans) {
      for (let i = 0, count = countOf(plan); i < count; i++) {
        const place = placeOf(i, plan.reading.stack);
        const matrix = plan.tensor.name + place.map((at) => `[${at}]`).join("");
        const outcome = await outcomeOf(weights, plan, i, matrix, {
          pool,
          native: engine.startsWith("LAPACK"),
        });
        yield { matrix, plan, place, outcome };
      }
    }
  } finally {
    await pool.close();
  }
}

async function outcomeOf(
  weights: Weights,
  { tensor, reading: { rows, columns } }: MatrixPlan,
  i: number,
  matrix: string,
  { pool, native }: { readonly pool: SvdPool; readonly native: boolean },
): Promise<Outcome> {
  const size = rows * columns;
  try {
    if (size >= SMALL) {
      const memory = process.availableMemory?.() ?? freemem();
      const failed = tooLarge(rows, columns, { native, memory });
      if (failed !== undefined) return { failed: `${tensor.dtype} [${tensor.shape.join(", ")}] ${failed}` };
    }
    const read = (from: number, count: number) => weights.readPart(tensor, i * size + from, count);
    const inFloat32 = isReadable(tensor.dtype) && READ_AS[tensor.dtype] === "F32";
    const scaled = scaledMatrix(read, size, inFloat32);
    if (!("data" in scaled)) {
      const { index, value } = scaled;
      const [row, column] = [Math.floor(index / columns), index % columns];
      const failed = `non-finite: ${value} at row ${row}, column ${column} (index ${i * size + index} of the tensor)`;
      return { failed, index: i * size + index, value };
    }
    const { data, exponent } = scaled;
    const { s } = await pool.svd({ data, rows, columns }, { name: quoted(matrix), transfer: true });
    return { measures: rescaled(describeSpectrum(s), exponent) };
  } catch (error) {
    if (error instanceof SpectralError) return { failed: error.message };
    if (error instanceof RangeError) return { failed: `not enough memory: ${messageOf(error)}` };
    throw error;
  }
}

function placeOf(i: number, stack: readonly number[]): number[] {
  const place: number[] = [];
  let rest = i;
  for (const size of stack.toReversed()) {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return place;
}

/** The measures of a matrix 2^exponent times as large. Ranks stay; a number beyond float64 is written out in decimals. */
function rescaled(
  measures: Readonly<Record<string, number>>,
  exponent: number,
): Record<string, number | string> {
  if (exponent === 0) return measures;
  const scaled: Record<string, number | string> = { ...measures };
  for (const name of ["largest", "median", "frobenius"]) {
    const value = timesPower(measures[name], exponent);
    scaled[name] = value === Infinity ? decimals(measures[name], exponent) : value;
  }
  return scaled;
}

/** x 2^exponent as "1.234567e+310". */
function decimals(x: number, exponent: number): string {
  const log = Math.log10(x) + exponent * Math.LOG10E * Math.LN2;
  const power = Math.floor(log);
  return `${(10 ** (log - power)).toFixed(6)}e+${power}`;
}
