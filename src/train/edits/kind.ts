import type { NamedArrays } from "../../core/array.js";
import { ConfigError } from "../../core/errors.js";
import type { Model } from "../../nn/model.js";
import type { NormCourse } from "../norm-course.js";

/**
 * Keeps a share of the weights of all matrices but the last layer's and holds the others at 0: those of largest magnitude,
 * as many at random in each matrix (on average, or exactly), or the first with new values.
 */
export type MaskEdit = {
  readonly mask: "magnitude" | "random" | "random-exact" | "reinit";
  /** Share in (0, 1]. */
  readonly keep: number;
  /** The step at which the trunk's weights rank magnitudes, or those of the run `rankedBy`. */
  readonly rankedAt: number | "end";
  /** Another run whose weights rank magnitudes: in iterative pruning, the round before. */
  readonly rankedBy?: string;
  /** Of what is drawn; absent: the branch's order. Magnitude masks draw nothing. */
  readonly seed?: number;
};

/** Adds noise to every hidden matrix and rescales it to its old norm. */
export type PerturbEdit = {
  /** Norm of the noise in units of the matrix' norm; 0 or larger. */
  readonly perturb: number;
  /** Of the noise: equal seeds perturb alike, whatever the branch. */
  readonly seed: number;
};

/** Rescales every matrix to the norm that it has in another run. */
export type RescaleEdit = { readonly rescale: { readonly run: string; readonly step: number | "end" } };

/** Gives hidden units the order in which they are most like another run's. */
export type AlignEdit = { readonly align: { readonly run: string; readonly step: number | "end" } };

/** Holds every matrix, from here on and after every update, at the norm that it has in another run at the same step. */
export type NormsEdit = { readonly norms: { readonly run: string } };

/** What is done to weights before training goes on from them: a value, with a text form, that JSON can hold. */
export type Edit = MaskEdit | PerturbEdit | RescaleEdit | AlignEdit | NormsEdit;

/** What an edit works on and draws from. Host arrays; none is changed. */
export interface EditContext {
  readonly model: Pick<
    Model<never>,
    "name" | "matrices" | "outputLayer" | "embedding" | "units" | "init" | "initBuffers"
  >;
  /** Parameters and buffers to edit, under PyTorch's names. */
  readonly weights: NamedArrays;
  /** Of the branch: random masks and new weights are drawn from it. */
  readonly seed: number;
  /** The weights that `weightsReadBy(edit)` names. */
  readonly other?: NamedArrays;
  /** The norms of the run that `normsReadBy(edit)` names, and the step at which the edit is made. */
  readonly norms?: NormCourse;
  readonly step?: number;
}

/** Weights after an edit, in the order of those before. Running statistics are the old ones. */
export interface Edited {
  readonly weights: NamedArrays;
  /** 0/1 by parameter name, if training is to hold weights at 0. */
  readonly masks?: NamedArrays;
  /** The norms that training is to hold matrices at. */
  readonly norms?: NormCourse;
  /** What becomes of arrays that belong to the parameters entry by entry (moments, masks), if they do not stay as they are. */
  alongside?(arrays: NamedArrays): NamedArrays;
}

/** Which other weights an edit reads: those of a run, or without one of the trunk. */
export interface WeightsRead {
  readonly run?: string;
  readonly step: number | "end";
}

/** One kind of edit: one file of this folder, listed in edit.ts. */
export interface EditKind<E extends Edit = Edit> {
  /** The text form, for usage lines and errors. */
  readonly form: string;
  /** Reads what stands after "<kind>:". @param place begins an error's message. @throws ConfigError */
  parse(rest: string, place: string): E;
  /** The inverse of `parse`. */
  print(edit: E): string;
  reads?(edit: E): WeightsRead;
  /** The run whose measured norms the edit reads. */
  readsNorms?(edit: E): string;
  /** The same edit that reads another run; where `reads` may name one. */
  reading?(edit: E, run: string): E;
  apply(edit: E, context: EditContext): Edited;
}

/** A number as an edit's text has it. @throws ConfigError unless `fits` */
export function numberIn(
  text: string,
  place: string,
  expected: string,
  fits: (value: number) => boolean,
): number {
  const value = /^\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) ? Number(text) : NaN;
  if (fits(value)) return value;
  throw new ConfigError(`${place}: expected ${expected}, found "${text}"`);
}

/** "end", or a whole number of steps. @throws ConfigError */
export function stepIn(text: string, place: string): number | "end" {
  if (text === "end") return text;
  return numberIn(text, place, 'a step (a whole number >= 0, or "end") after "@"', Number.isSafeInteger);
}

/** A stream's seed. @throws ConfigError */
export function seedIn(text: string, place: string): number {
  return numberIn(text, place, 'a whole number after "#"', Number.isSafeInteger);
}

/** RUN@STEP as an edit's text has it. @throws ConfigError */
export function runAndStepIn(text: string, place: string): { run: string; step: number | "end" } {
  const [run, step, ...more] = text.split("@");
  if (run && step !== undefined && more.length === 0) return { run, step: stepIn(step, place) };
  throw new ConfigError(`${place}: expected RUN@STEP, found "${text}"`);
}

/** The other weights of a context. @throws ConfigError if there are none */
export function otherWeights({ other }: EditContext, what: string): NamedArrays {
  if (!other) throw new ConfigError(`edit: expected ${what} as "other" weights, found none`);
  return other;
}
