import type { Diagonal } from "../file.js";

/** The models of a reference file of analyses. */
export const ANALYSED = ["vgg", "mlp", "transformer"] as const;
export type AnalysedName = (typeof ANALYSED)[number];

/**
 * A reference file of analyses: what they give on three small models, computed by PyTorch and numpy in float64. Every
 * model is an object of sections under its name, and there are sections of the file's own.
 */
export interface AnalysisFile {
  readonly seed: number;
  readonly torch: string;
  readonly numpy: string;
  readonly scipy: string;
  readonly alphas: readonly number[];
  /** An `AnalysedModel`, or a section about no model. */
  readonly [name: string]: unknown;
}

/** The sections of a model; each is checked by a file of its own (see sections.ts). */
export interface AnalysedModel {
  readonly checks: InputChecks;
  readonly hiddenMatrices: readonly string[];
  readonly [section: string]: unknown;
}

/** Norms and sums that show a wrong draw. */
export interface InputChecks {
  readonly A: number;
  readonly near: number;
  readonly far: number;
  readonly rewound: number;
  readonly noise: number;
  readonly ranked: number;
  readonly trainingSum?: number;
  readonly trainingLabels?: readonly number[];
  readonly evaluationSum?: number;
  readonly evaluationLabels?: readonly number[];
  readonly tokenSum?: number;
}

/** A diagonal, and the smallest distance of its singular values, in units of the largest. */
export interface SafeDiagonal extends Diagonal {
  readonly gap: number;
}

/** Loss, and of classifiers error, along a line. */
export interface Curve {
  readonly loss: readonly number[];
  readonly error?: readonly number[];
  /** Of the loss alone, or of both. */
  readonly barrier: number | { readonly loss: number; readonly error?: number };
  /** The smallest difference between the largest and second largest logit. */
  readonly smallestMargin?: number;
}
