import { createHash } from "node:crypto";
import { agreementDiagonal, agreementScore, resolved, type SingularPairs } from "../linalg/agreement.js";
import type { Weights } from "../store/weights.js";
import {
  decompose,
  hasMatrices,
  loadMatrix,
  matricesOf,
  openDecomposer,
  type Decomposed,
  type Decomposer,
  type Failure,
  type LoadedMatrix,
  type MatrixOfTensor,
  type Plan,
  type Spectrum,
} from "./weight-spectra.js";

/** A checkpoint whose spectra are computed. */
export interface Checkpoint {
  /** The step that its name says; null where there is one checkpoint alone. */
  readonly step: number | null;
  readonly weights: Weights;
  readonly plans: readonly Plan[];
}

/** A matrix at one step. */
export interface StepResult extends MatrixOfTensor {
  readonly step: number | null;
  /** Place of the matrix in the model, from 0. */
  readonly depth: number;
  readonly outcome: StepSpectrum | Failure;
}

export interface StepSpectrum extends Spectrum {
  /** Mean of the first ten S_ii with the last step (Eqn 5); NaN where singular vectors are arbitrary or the last step has none. */
  readonly agreement?: number;
  /** The first step at which the matrix had the very same numbers, where there is one before. */
  readonly equalTo?: number;
}

/** Where the work is, before a matrix is decomposed. */
export interface SpectraProgress {
  /** From 0, of all matrices at all steps. */
  readonly index: number;
  readonly count: number;
  readonly matrix: string;
  readonly step: number | null;
  /** Share of the arithmetic that is done, in [0, 1]. */
  readonly done: number;
}

/** Pairs of singular vectors that are compared: those that the score is made of. */
const PAIRS = 10;
/** Numbers hashed at a time: a hash takes less than 2 GiB. */
const PIECE = 2 ** 26;

/**
 * Spectra of every matrix at every checkpoint, matrix by matrix: of one all steps, before the next. So memory is needed for one
 * matrix at a time, for ten singular vectors of it at the last step, and for its singular values. What cannot be decomposed (a NaN,
 * a matrix too large, a file cut short) is a result too, and the others follow. Numbers that a matrix had at an earlier
 * step are not decomposed again.
 *
 * A matrix is known by its name and its shape; what the last checkpoint has comes first, in its order.
 * @param checkpoints in the order of their steps
 * @returns for each matrix, its results in the order of the steps that have it
 */
export async function* spectraOverSteps(
  checkpoints: readonly Checkpoint[],
  onProgress: (progress: SpectraProgress) => void = () => undefined,
): AsyncGenerator<readonly StepResult[], void> {
  const series = seriesOf(checkpoints);
  const count = series.reduce((sum, { at }) => sum + at.length, 0);
  if (count === 0) return;
  const total = series.reduce((sum, { at, cost }) => sum + cost * at.length, 0);
  const decomposer = await openDecomposer();
  let [index, spent] = [0, 0];
  try {
    for (const [depth, { at, cost }] of series.entries()) {
      const reached = ({ step, matrix }: Place): void => {
        onProgress({ index: index++, count, matrix: matrix.matrix, step, done: spent / total });
        spent += cost;
      };
      const outcomes = await outcomesOf(at, decomposer, reached, checkpoints.length > 1);
      yield at.map(({ step, matrix }, i) => ({ ...matrix, step, depth, outcome: outcomes[i] }));
    }
  } finally {
    await decomposer.pool.close();
  }
}

/** A matrix of a checkpoint. */
interface Place {
  readonly step: number | null;
  readonly weights: Weights;
  readonly matrix: MatrixOfTensor;
  /** Whether it is the last checkpoint's. */
  readonly last: boolean;
}

/** A matrix at all steps that have it. */
interface Series {
  readonly at: Place[];
  /** Of one decomposition, in no unit. */
  readonly cost: number;
}

function seriesOf(checkpoints: readonly Checkpoint[]): Series[] {
  const series = new Map<string, Series>();
  for (const [i, { step, weights, plans }] of [...checkpoints.entries()].reverse()) {
    for (const matrix of matricesOf(plans.filter(hasMatrices))) {
      const { rows, columns } = matrix.plan.reading;
      const key = `${rows} x ${columns} ${matrix.matrix}`;
      const known = series.get(key) ?? { at: [], cost: rows * columns * Math.min(rows, columns) };
      known.at.unshift({ step, weights, matrix, last: i === checkpoints.length - 1 });
      series.set(key, known);
    }
  }
  return [...series.values()];
}

/** The results of a matrix at each step; the last step first, whose vectors the others are compared with. */
async function outcomesOf(
  at: readonly Place[],
  decomposer: Decomposer,
  reached: (place: Place) => void,
  compare: boolean,
): Promise<(StepSpectrum | Failure)[]> {
  const outcomes: (StepSpectrum | Failure)[] = [];
  const digests: (string | undefined)[] = [];
  let reference: SingularPairs | undefined;
  for (const i of [at.length - 1, ...at.keys()].slice(0, at.length)) {
    const place = at[i];
    reached(place);
    const loaded = loadMatrix(place.weights, place.matrix, decomposer.native);
    if ("failed" in loaded) {
      outcomes[i] = loaded;
      continue;
    }
    digests[i] = compare ? digestOf(loaded) : undefined;
    const same = compare ? digests.findIndex((digest, other) => other !== i && digest === digests[i]) : -1;
    if (same >= 0) {
      outcomes[i] = outcomes[same];
      continue;
    }
    const found = await decompose(loaded, decomposer, compare ? PAIRS : 0);
    if (!("failed" in found) && place.last) reference = resolved(found.svd);
    outcomes[i] = "failed" in found ? found : spectrumOf(found, compare, reference);
  }
  return outcomes.map((outcome, i) => {
    const first = digests.findIndex((digest) => digest !== undefined && digest === digests[i]);
    if (first < 0 || first === i || "failed" in outcome) return outcome;
    return { ...outcome, equalTo: at[first].step! };
  });
}

/** Without the vectors, which are needed no longer. */
function spectrumOf(
  { svd, measures, values }: Decomposed,
  compare: boolean,
  reference: SingularPairs | undefined,
): StepSpectrum {
  if (!compare) return { measures, values };
  if (reference === undefined) return { measures, values, agreement: NaN };
  return { measures, values, agreement: agreementScore(agreementDiagonal(resolved(svd), reference, PAIRS)) };
}

function digestOf({ data, exponent }: LoadedMatrix): string {
  const hash = createHash("sha256");
  for (let from = 0; from < data.length; from += PIECE) {
    const piece = data.subarray(from, from + PIECE);
    hash.update(new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength));
  }
  return `${exponent} ${hash.digest("base64")}`;
}
