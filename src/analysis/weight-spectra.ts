import { freemem } from "node:os";
import { sizeOf } from "../core/array.js";
import { messageOf, SpectralError } from "../core/errors.js";
import { SvdPool } from "../linalg/pool.js";
import type { Svd } from "../linalg/svd.js";
import { describeSpectrum } from "../probes/spectra.js";
import { isReadable, READ_AS } from "../store/element-types.js";
import { quoted } from "../store/safetensors-header.js";
import type { StoredTensor, Weights } from "../store/weights.js";
import { SMALL, tooLarge } from "./capacity.js";
import { scaleBeside } from "./quantised.js";
import { readingOf, type Reading, type ReadingOptions } from "./readings.js";
import { scaledMatrix, timesPower, type ScaledMatrix } from "./scaled-matrix.js";
import { fitsOf } from "./spectrum-fits.js";

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

/** One matrix of a tensor. */
export interface MatrixOfTensor {
  /** The tensor's name, with its place in a stack: "experts[3]". */
  readonly matrix: string;
  readonly plan: MatrixPlan;
  /** Place in the stack; empty where there is none. */
  readonly place: readonly number[];
  /** Its number in the stack, row-major. */
  readonly index: number;
}

/** Why a matrix has no spectrum. */
export interface Failure {
  readonly failed: string;
  /** Of a NaN or an infinity: its index in the tensor, and which it is. */
  readonly index?: number;
  readonly value?: number;
}

/** What was found of a matrix. */
export interface Spectrum {
  /** The measures of the probe `spectra`, then the fits (`fitsOf`); text where a number is beyond float64. */
  readonly measures: Readonly<Record<string, number | string>>;
  /** Singular values, falling; Infinity where beyond float64. */
  readonly values: Float64Array;
}

export type Outcome = Spectrum | Failure;

/** A decomposition: its spectrum, and the leading singular vectors that were asked for. */
export interface Decomposed extends Spectrum {
  readonly svd: Svd;
}

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

/** The matrices of tensors, one after another. */
export function* matricesOf(plans: readonly MatrixPlan[]): Generator<MatrixOfTensor> {
  for (const plan of plans) {
    for (let index = 0, count = countOf(plan); index < count; index++) {
      const place = placeOf(index, plan.reading.stack);
      yield { matrix: plan.tensor.name + place.map((at) => `[${at}]`).join(""), plan, place, index };
    }
  }
}

/** A matrix in memory: float32 numbers times 2^exponent. */
export interface LoadedMatrix extends ScaledMatrix {
  readonly rows: number;
  readonly columns: number;
  /** For errors. */
  readonly name: string;
}

/** What decomposes, and whether it does by LAPACK: then it needs more memory. */
export interface Decomposer {
  readonly pool: SvdPool;
  readonly native: boolean;
}

export async function openDecomposer(): Promise<Decomposer> {
  const pool = new SvdPool();
  return { pool, native: (await pool.description).startsWith("LAPACK") };
}

/** Reads a matrix. @returns a failure for a NaN, a matrix too large, or a file cut short: what follows can still be read */
export function loadMatrix(
  weights: Weights,
  { matrix, plan: { tensor, reading }, index }: MatrixOfTensor,
  native: boolean,
): LoadedMatrix | Failure {
  const { rows, columns } = reading;
  const size = rows * columns;
  return orFailure(() => {
    if (size >= SMALL) {
      const memory = process.availableMemory?.() ?? freemem();
      const failed = tooLarge(rows, columns, { native, memory });
      if (failed !== undefined) return { failed: `${tensor.dtype} [${tensor.shape.join(", ")}] ${failed}` };
    }
    const read = (from: number, count: number) => weights.readPart(tensor, index * size + from, count);
    const inFloat32 = isReadable(tensor.dtype) && READ_AS[tensor.dtype] === "F32";
    const scaled = scaledMatrix(read, size, inFloat32);
    if ("data" in scaled) return { ...scaled, rows, columns, name: quoted(matrix) };
    const { index: at, value } = scaled;
    const [row, column] = [Math.floor(at / columns), at % columns];
    const failed = `non-finite: ${value} at row ${row}, column ${column} (index ${index * size + at} of the tensor)`;
    return { failed, index: index * size + at, value };
  });
}

/**
 * Decomposes a matrix, whose numbers are given away.
 * @param vectors leading singular vectors of both sides
 */
export async function decompose(
  { data, exponent, rows, columns, name }: LoadedMatrix,
  { pool }: Decomposer,
  vectors = 0,
): Promise<Decomposed | Failure> {
  const options = { name, transfer: true, left: vectors, right: vectors };
  try {
    const svd = await pool.svd({ data, rows, columns }, options);
    return orFailure(() => ({
      measures: rescaled({ ...describeSpectrum(svd.s), ...fitsOf(svd.s, rows, columns) }, exponent),
      values: exponent === 0 ? svd.s : svd.s.map((value) => timesPower(value, exponent)),
      svd,
    }));
  } catch (error) {
    return failureOf(error);
  }
}

/** What `action` gives; an error of ours, or want of memory, is a failure. */
function orFailure<T>(action: () => T): T | Failure {
  try {
    return action();
  } catch (error) {
    return failureOf(error);
  }
}

/** @throws any error that is none of ours, nor want of memory */
function failureOf(error: unknown): Failure {
  if (error instanceof SpectralError) return { failed: error.message };
  if (error instanceof RangeError) return { failed: `not enough memory: ${messageOf(error)}` };
  throw error;
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

/** Measures that grow with the matrix, and by which power; all others are the same at every scale. */
const POWERS = { largest: 1, median: 1, frobenius: 1, alphaXmin: 2, mpVariance: 2, mpEdge: 2 };

/** The measures of a matrix 2^exponent times as large. Ranks stay; a number beyond float64 is written out in decimals. */
function rescaled(
  measures: Readonly<Record<string, number>>,
  exponent: number,
): Record<string, number | string> {
  if (exponent === 0) return measures;
  const scaled: Record<string, number | string> = { ...measures };
  for (const [name, power] of Object.entries(POWERS)) {
    const value = timesPower(measures[name], power * exponent);
    scaled[name] = value === Infinity ? decimals(measures[name], power * exponent) : value;
  }
  return scaled;
}

/** x 2^exponent as "1.234567e+310". */
function decimals(x: number, exponent: number): string {
  const log = Math.log10(x) + exponent * Math.LOG10E * Math.LN2;
  const power = Math.floor(log);
  return `${(10 ** (log - power)).toFixed(6)}e+${power}`;
}
