import type { NamedArrays } from "spectral-lab/core/array";
import { agreementDiagonal, agreementScore } from "spectral-lab/linalg/agreement";
import { alignmentDiagonal, alignmentScore } from "spectral-lab/linalg/alignment";
import { openEngine, svdSync } from "spectral-lab/linalg/engine";
import { count90, effectiveRank, entropyRank, stableRank } from "spectral-lab/linalg/spectrum";
import type { Svd } from "spectral-lab/linalg/svd";
import { noiseSchedule } from "spectral-lab/models/diffusion";
import { pairsOf, sideVectors } from "spectral-lab/nn/contacts";
import type { Contact, ContactSide, Model } from "spectral-lab/nn/model";
import { matrixOf } from "spectral-lab/nn/views";
import { cosinePerEpoch, warmupCosine } from "spectral-lab/optim/schedules";
import { block } from "spectral-lab/train/measure";
import { agrees, Comparison, type Difference } from "./compare.js";
import type { Diagonal, GoldenFile, GoldenModel } from "./file.js";
import { recipeOf } from "./recipes.js";
import { normOf, trainGolden, type Trained } from "./train.js";

/** How often a model that does not agree at once is run again with rounded weights. */
const ROUNDED_RUNS = 8;

/**
 * Compares a model of a reference file with ours, on the backend that is started; undefined for one that we lack.
 *
 * The reference is float64, and some of it no float32 computation can give to 1e-4: a ReLU whose input is nearly 0 may
 * fall on either side (PyTorch in float32 itself is 8e-4 off in a loss of seed 8's VGG). So where a difference is above
 * its limit, the model is run again from weights changed in their last place, and a difference counts only as far as it
 * is larger than what that does (backward error analysis: float32 computes the right answer to a question that is
 * rounded).
 */
export async function checkModel(golden: GoldenModel, seed: number): Promise<Difference[] | undefined> {
  const recipe = recipeOf(golden);
  if (!recipe) return undefined;
  const run = async (rounding?: number): Promise<Comparison> => {
    const trained = await trainGolden(golden, recipe, seed, rounding);
    const compare = new Comparison();
    checkTraining(golden, trained, compare);
    checkMatrices(golden, recipe.model, trained, compare);
    return compare;
  };
  const comparison = await run();
  if (comparison.differences().every(agrees)) return comparison.differences();
  const rounded: Comparison[] = [];
  for (let i = 0; i < ROUNDED_RUNS; i++) rounded.push(await run(i));
  return comparison.differences(rounded);
}

/** Compares the learning-rate factors; the authors' one-step dip where warm-up ends is left out, as it is in ours. */
export function checkSchedules({ schedules }: GoldenFile): Difference[] {
  const compare = new Comparison();
  const warmup = 200;
  const ours: Record<string, (at: number) => number> = {
    warmupCosine: warmupCosine({ peak: 1, warmup, total: 6660, floor: 0.1 }),
    cosine50: cosinePerEpoch({ peak: 1, epochs: 50, stepsPerEpoch: 1 }),
  };
  for (const [name, factors] of Object.entries(schedules)) {
    for (const [at, factor] of Object.entries(factors)) {
      if (name === "warmupCosine" && Number(at) === warmup) continue;
      compare.value(name, `at ${at}`, ours[name]?.(Number(at)), factor, 1e-12);
    }
  }
  return compare.differences();
}

function checkTraining(golden: GoldenModel, trained: Trained, compare: Comparison): void {
  compare.values("loss", trained.losses, golden.loss);
  const total = Math.hypot(...Object.values(golden.gradientNorm));
  for (const [name, norm] of Object.entries(golden.gradientNorm)) {
    compare.value("gradientNorm", name, trained.gradientNorms.get(name), norm, 1e-2 * total);
  }
  if (golden.globalGradientNorm) {
    compare.values("globalGradientNorm", trained.globalNorms, golden.globalGradientNorm);
  }
  const arrays = new Map([...trained.buffers, ...trained.last]);
  const norm = (name: string): number => normOf((arrays.get(name)?.data ?? []) as Float32Array);
  for (const [name, expected] of Object.entries(golden.afterNorm)) {
    compare.value("afterNorm", name, norm(name), expected);
  }
  const running = (suffix: string): number[] =>
    [...trained.buffers.keys()].filter((name) => name.endsWith(suffix)).map(norm);
  if (golden.runningMeanNorm)
    compare.values("runningMeanNorm", running("running_mean"), golden.runningMeanNorm);
  if (golden.runningVarNorm) compare.values("runningVarNorm", running("running_var"), golden.runningVarNorm);
  const { sum, count } = trained.evaluation.loss;
  if (golden.evalLoss !== undefined) compare.value("evalLoss", "last", sum / count, golden.evalLoss);
  const { alphaBar } = noiseSchedule();
  for (const [step, expected] of Object.entries(golden.alphaBarAt ?? {})) {
    compare.value("alphaBar", `at ${step}`, alphaBar[Number(step)], expected);
  }
}

/** Spectra of the last weights, their agreement with the first, and alignment of the file's pairs. */
function checkMatrices(
  golden: GoldenModel,
  model: Model<unknown>,
  trained: Trained,
  compare: Comparison,
): void {
  const [first, last] = [decomposer(model, trained.first), decomposer(model, trained.last)];
  for (const [name, expected] of Object.entries(golden.spectra)) {
    const { s } = last({ matrix: name });
    compare.values("singularValues", s, expected.s, 1e-2 * expected.s[0], name);
    compare.value("effectiveRank", name, effectiveRank(s), expected.effectiveRank);
    compare.value("entropyRank", name, entropyRank(s), expected.entropyRank);
    compare.value("count90", name, count90(s), expected.count90);
    compare.value("stableRank", name, stableRank(s), expected.stableRank);
  }
  for (const [name, expected] of Object.entries(golden.agreementWithInit)) {
    const diagonal = agreementDiagonal(last({ matrix: name }), first({ matrix: name }));
    compareDiagonal(compare, "agreement", name, diagonal, agreementScore(diagonal), expected);
  }
  for (const [name, expected] of Object.entries(golden.alignment)) {
    const contact = model.contacts.find((candidate) => candidate.name === name);
    const found = contact && align(contact, last)[0];
    compareDiagonal(compare, "alignment", name, found?.diagonal ?? [], found?.score ?? NaN, expected);
  }
  if (golden.queryKeyPerHead) {
    const contact = model.contacts.find(({ heads }) => heads !== undefined)!;
    const scores = align(contact, last).map(({ score }) => score);
    compare.values("queryKeyPerHead", scores, golden.queryKeyPerHead, 1, contact.name);
  }
}

/** The alignment of each pair of a contact. */
export function align(
  contact: Contact,
  decompose: (side: Block) => Svd,
): { diagonal: Float64Array; score: number }[] {
  return pairsOf(contact).map(({ from, to }) => {
    const diagonal = alignmentDiagonal(sideVectors(from, decompose(from)), sideVectors(to, decompose(to)));
    return { diagonal, score: alignmentScore(diagonal) };
  });
}

/** Cosines are compared absolutely: the floor is 1. */
function compareDiagonal(
  compare: Comparison,
  quantity: string,
  name: string,
  diagonal: ArrayLike<number>,
  score: number,
  expected: Diagonal,
): void {
  compare.values(quantity, diagonal, expected.diag, 1, name);
  compare.value(`${quantity}Score`, name, score, expected.score, 1);
}

export type Block = Pick<ContactSide, "matrix" | "rows" | "columns">;

/** Full decompositions of matrices and blocks of them, each computed once. */
export function decomposer(model: Model<unknown>, arrays: NamedArrays): (side: Block) => Svd {
  const engine = openEngine({ engine: "wasm" });
  const known = new Map<string, Svd>();
  return ({ matrix: name, rows, columns }) => {
    const key = `${name}[${rows}][${columns}]`;
    const view = model.matrices.find((candidate) => candidate.name === name)!;
    const svd =
      known.get(key) ??
      svdSync(block(matrixOf(view, arrays), rows, columns), { left: "all", right: "all", name }, engine);
    known.set(key, svd);
    return svd;
  };
}
