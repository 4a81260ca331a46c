import { readFile } from "node:fs/promises";
import { DataError, messageOf } from "spectral-lab/core/errors";
import type { AnalysisFile } from "./analysis/file.js";

/** A reference file: some small models, their weights by formula, and what PyTorch in float64 made of three steps. */
export interface GoldenFile {
  readonly seed: number;
  readonly torch: string;
  readonly models: readonly GoldenModel[];
  readonly schedules: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface GoldenModel {
  readonly name: string;
  readonly parameters: readonly GoldenParameter[];
  /** Before each of the three steps, and after the last. */
  readonly loss: readonly number[];
  /** At step 0, by parameter. */
  readonly gradientNorm: Readonly<Record<string, number>>;
  /** Before clipping, at each step. */
  readonly globalGradientNorm?: readonly number[];
  /** After the last step, by parameter. */
  readonly afterNorm: Readonly<Record<string, number>>;
  readonly spectra: Readonly<Record<string, GoldenSpectrum>>;
  readonly agreementWithInit: Readonly<Record<string, Diagonal>>;
  readonly alignment: Readonly<Record<string, Diagonal>>;
  /** Alignment scores of the first layer's query-key pairs, by head. */
  readonly queryKeyPerHead?: readonly number[];
  readonly evalLoss?: number;
  readonly runningMeanNorm?: readonly number[];
  readonly runningVarNorm?: readonly number[];
  readonly timesteps?: readonly number[];
  readonly alphaBarAt?: Readonly<Record<string, number>>;
  readonly labels?: readonly (readonly number[])[];
  readonly labelLengths?: readonly number[];
  readonly frameLengths?: readonly number[];
}

export interface GoldenParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly trainable: boolean;
  readonly norm: number;
  /** Added to the draws of a vector; default 1 where its name ends in "weight", else 0. */
  readonly offset?: number;
}

export interface GoldenSpectrum {
  readonly s: readonly number[];
  readonly entropyRank: number;
  readonly effectiveRank: number;
  readonly count90: number;
  readonly stableRank: number;
}

/** The first 20 diagonal entries of an agreement or alignment matrix, and the mean of the first 10. */
export interface Diagonal {
  readonly diag: readonly number[];
  readonly score: number;
}

/**
 * Reads a reference file of either form.
 * @throws DataError if the file cannot be read or is no reference file
 */
export async function readReference(path: string): Promise<GoldenFile | AnalysisFile> {
  let content: unknown;
  try {
    content = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new DataError(`${path}: not a readable reference file: ${messageOf(error)}`);
  }
  const file = (content ?? {}) as Record<string, unknown>;
  if (typeof file.seed !== "number" || !(Array.isArray(file.models) || Array.isArray(file.alphas))) {
    throw new DataError(`${path}: expected an object with "seed", and "models" or "alphas"`);
  }
  return content as GoldenFile | AnalysisFile;
}

/** Whether a reference file holds analyses (see tools/golden/analysis/file.ts) and not models. */
export function isAnalysis(file: GoldenFile | AnalysisFile): file is AnalysisFile {
  return "alphas" in file;
}

/** Reads a reference file of models. @throws DataError as readReference, and for one of analyses */
export async function readGolden(path: string): Promise<GoldenFile> {
  const file = await readReference(path);
  if (isAnalysis(file)) throw new DataError(`${path}: expected models, found analyses`);
  return file;
}
