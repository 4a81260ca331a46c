import { fitsOf } from "spectral-lab/analysis/spectrum-fits";
import { openEngine, svdSync } from "spectral-lab/linalg/engine";
import {
  eigenvaluesOf,
  fitNoise,
  marchenkoPasturMedian,
  type NoiseBulk,
} from "spectral-lab/linalg/marchenko-pastur";
import { fitPowerLaw, type PowerLaw } from "spectral-lab/linalg/power-law";
import { Comparison } from "../compare.js";
import { draws, type Draws } from "../draws.js";
import type { AnalysisFile } from "./file.js";
import { TOLERANCE } from "./tolerances.js";

/** What a reference file says of one matrix. */
interface ReferenceSpectrum {
  readonly norm: number;
  readonly corner: readonly (readonly number[])[];
  readonly eigenvalues: readonly number[];
  readonly marchenkoPastur: { readonly bulkMean: NoiseBulk; readonly median: NoiseBulk };
  readonly powerLaw: PowerLaw & { readonly twoSided: Omit<PowerLaw, "runnerUp"> };
}

const NAMES = ["gaussian", "spiked", "heavy", "decayed"] as const;
type Name = (typeof NAMES)[number];

/** The part of a reference file that is about fits of spectra. */
type SpectraReference = { readonly medianOfLaw: number } & Readonly<Record<Name, ReferenceSpectrum>>;

const [ROWS, COLUMNS] = [300, 200];

/** Of fits of the reference's own eigenvalues, which have 12 digits, and of what is made by the formula: float64. */
const EXACTLY = 5e-9;

/** What our float32 decomposition may change. */
const LIMITS = {
  variance: TOLERANCE.bulk,
  edge: TOLERANCE.bulk,
  above: TOLERANCE.exact,
  alpha: TOLERANCE.powerLaw,
  xmin: TOLERANCE.powerLaw,
  tail: TOLERANCE.exact,
  distance: TOLERANCE.distance,
  runnerUp: TOLERANCE.distance,
} as const;

/**
 * Compares the fits of four spectra (Marchenko-Pastur edge, power law) with a reference file's. First the fits of the
 * reference's own eigenvalues, in float64; then those of matrices made by the formula and decomposed by us, in float32.
 */
export function checkSpectra(file: AnalysisFile): Comparison {
  const compare = new Comparison();
  const reference = file.spectra as SpectraReference;
  const made = matrices(file.seed);
  const engine = openEngine({ engine: "wasm" });
  compare.value("medianOfLaw", "", marchenkoPasturMedian(COLUMNS / ROWS), reference.medianOfLaw, 0, EXACTLY);
  for (const name of NAMES) {
    const expected = reference[name];
    checkFits(compare, "float64", name, expected.eigenvalues, expected);
    const data = made[name];
    compare.value("norm", name, Math.hypot(...data), expected.norm, 0, EXACTLY);
    const corner = [data[0], data[1], data[COLUMNS], data[COLUMNS + 1]];
    compare.values("corner", corner, expected.corner.flat(), 1, name, EXACTLY);
    const matrix = { data: Float32Array.from(data), rows: ROWS, columns: COLUMNS };
    const { s } = svdSync(matrix, { name }, engine);
    const eigenvalues = eigenvaluesOf(s, ROWS, COLUMNS);
    const [most] = expected.eigenvalues;
    compare.values("eigenvalues", eigenvalues, expected.eigenvalues, most, name, TOLERANCE.eigenvalue);
    checkFits(compare, "float32", name, eigenvalues, expected);
    const fits = fitsOf(s, ROWS, COLUMNS);
    const { bulkMean } = expected.marchenkoPastur;
    const printed = [
      ["alpha", fits.alpha, expected.powerLaw.alpha],
      ["edge", fits.mpEdge, bulkMean.edge],
      ["above", fits.mpAbove, bulkMean.above],
    ] as const;
    for (const [field, found, value] of printed)
      compare.value(field, `${name}, as printed`, found, value, 0, LIMITS[field]);
  }
  return compare;
}

function checkFits(
  compare: Comparison,
  precision: "float64" | "float32",
  name: string,
  eigenvalues: ArrayLike<number>,
  { marchenkoPastur, powerLaw }: ReferenceSpectrum,
): void {
  const exactly = precision === "float64";
  const check = (field: keyof typeof LIMITS, at: string, found: number | undefined, expected: number): void =>
    compare.value(
      exactly ? `${field} (float64)` : field,
      at,
      found,
      expected,
      0,
      exactly ? EXACTLY : LIMITS[field],
    );
  for (const estimate of ["bulkMean", "median"] as const) {
    const found = fitNoise(eigenvalues, COLUMNS / ROWS, estimate);
    for (const field of ["variance", "edge", "above"] as const)
      check(field, `${name}, ${estimate}`, found[field], marchenkoPastur[estimate][field]);
  }
  const [oneSided, twoSided] = [false, true].map((both) => fitPowerLaw(eigenvalues, { twoSided: both }));
  for (const field of ["alpha", "xmin", "tail", "distance"] as const) {
    check(field, name, oneSided?.[field], powerLaw[field]);
    check(field, `${name}, two-sided`, twoSided?.[field], powerLaw.twoSided[field]);
  }
  check("runnerUp", name, oneSided?.runnerUp, powerLaw.runnerUp);
}

/** The four matrices, in the order of their draws. */
function matrices(seed: number): Record<Name, Float64Array> {
  const from = draws(seed + 800);
  const gaussian = from.normal(ROWS * COLUMNS);
  const spiked = from.normal(ROWS * COLUMNS);
  for (const strength of [45, 35, 27]) {
    const [x, y] = [unit(from.normal(ROWS)), unit(from.normal(COLUMNS))];
    for (let i = 0; i < ROWS; i++)
      for (let j = 0; j < COLUMNS; j++) spiked[i * COLUMNS + j] += strength * x[i] * y[j];
  }
  const tail = from.inside(COLUMNS).map((u) => u ** (-1 / 1.5));
  const heavy = reflected(
    tail.map((value) => Math.sqrt(ROWS * value)),
    from,
  );
  const decayed = reflected(
    Float64Array.from({ length: COLUMNS }, (_, i) => 30 * Math.exp(-i / 15)),
    from,
  );
  const noise = from.normal(ROWS * COLUMNS);
  return { gaussian, spiked, heavy, decayed: decayed.map((value, i) => value + 0.05 * noise[i]) };
}

/** A matrix with these singular values: a diagonal between two Householder reflections. */
function reflected(diagonal: Float64Array, from: Draws): Float64Array {
  const [x, y] = [unit(from.normal(ROWS)), unit(from.normal(COLUMNS))];
  const reflection = (v: Float64Array, i: number, j: number): number => (i === j ? 1 : 0) - 2 * v[i] * v[j];
  const left = Float64Array.from({ length: ROWS * COLUMNS }, (_, at) => {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    return reflection(x, row, column) * diagonal[column];
  });
  // (left)(I - 2 y y^T) = left - 2 (left y) y^T
  return left.map((value, at) => {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    let inner = 0;
    for (let k = 0; k < COLUMNS; k++) inner += left[row * COLUMNS + k] * y[k];
    return value - 2 * inner * y[column];
  });
}

function unit(vector: Float64Array): Float64Array {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
