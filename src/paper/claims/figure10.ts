import type { ColumnTable } from "arquero";
import { type Facet, requireColumns } from "../../core/facets.js";
import { overSeeds, percent, verdictOf, written, type Claim } from "../claim.js";
import { marginIfAny, mean, signFlipTest } from "../statistics.js";

const rule = {
  /** Mean agreement from which on vectors count as kept. */
  kept: 0.5,
  /** Least difference between the two kinds of masks. */
  agrees: 0.2,
  /** Below this they keep alike. */
  disagrees: 0.05,
  probability: 0.05,
} as const;

/** Masks change nothing of a matrix that agrees so well with itself, such as the last layer's. */
const UNTOUCHED = 0.999;

/** Which rows are compared, and what they are. */
export interface MaskComparison {
  readonly statement: string;
  /** "agreement of the final weights with themselves masked". */
  readonly quantity: string;
  /** The edits of the two arms, as in column `edit`. */
  readonly magnitude: string;
  readonly random: string;
  /** Only these matrices; default all that either of the masks changes. */
  readonly matrices?: readonly string[];
}

/**
 * "Magnitude masks keep the top singular vectors, random ones of equal sparsity do not". Null: it matters how many weights are kept,
 * and not which, so that random masks keep as much. Differences are paired by trunk and matrix; several branches of a trunk are averaged.
 * Matrices of which a mask leaves fewer than ten directions have no score and are left out.
 * @param scores columns edit, seed, matrix, score in [0, 1]; a row per matrix and branch
 */
export function magnitudeKeepsMore(scores: ColumnTable, comparison: MaskComparison): Claim {
  const { statement, quantity, magnitude, random } = comparison;
  const arms = [magnitude, random].map((edit) => scoresOf(scores, edit));
  const seeds = [...arms[0].keys()].filter((seed) => arms[1].has(seed));
  const all = [...new Set(seeds.flatMap((seed) => [...arms[0].get(seed)!.keys()]))];
  const pairs = all.map((matrix) => ({
    matrix,
    both: seeds.map((seed) => arms.map((arm) => arm.get(seed)!.get(matrix) ?? NaN)),
  }));
  const touched = pairs.filter(({ matrix, both }) =>
    comparison.matrices
      ? comparison.matrices.includes(matrix)
      : both.flat().some((score) => !(score >= UNTOUCHED)),
  );
  const known = touched.filter(({ both }) => both.flat().every(Number.isFinite));
  const perSeed = (number: (pair: readonly number[]) => number): number[] =>
    known.length > 0 ? seeds.map((_, i) => mean(known.map(({ both }) => number(both[i])))) : [];
  const [ofMagnitude, ofRandom] = [perSeed(([kept]) => kept), perSeed(([, kept]) => kept)];
  const differences = perSeed(([kept, control]) => kept - control);
  const size = mean(differences);
  const off = marginIfAny(differences);
  const probability =
    known.length > 0
      ? signFlipTest(known.map(({ both }) => mean(both.map(([kept, control]) => kept - control))))
      : NaN;
  const without = touched.length - known.length;
  const leftOut = without > 0 ? ` (${without} left out: fewer than ten directions remain)` : "";
  return {
    figure: 10,
    statement,
    null: "which weights are kept does not matter, only how many: random masks of equal sparsity keep as much",
    effect:
      `${quantity}: ${overSeeds(ofMagnitude)} with magnitude masks, ${overSeeds(ofRandom)} with random ones, a difference of ` +
      `${overSeeds(differences)}; ${known.length} matrices${leftOut}, by chance in ${written(probability)}`,
    threshold:
      `agrees if magnitude masks keep ${rule.kept} or more and the difference is ${rule.agrees} or more, beyond the spread over trunks and ` +
      `with at most ${percent(rule.probability)} by chance; disagrees below ${rule.disagrees}, if it is below ${rule.agrees} beyond the spread too`,
    numbers: {
      magnitude: mean(ofMagnitude),
      random: mean(ofRandom),
      difference: size,
      matrices: known.length,
      leftOut: without,
      probability,
    },
    verdict: verdictOf(
      mean(ofMagnitude) >= rule.kept &&
        size >= rule.agrees &&
        size > off &&
        probability <= rule.probability &&
        known.length >= touched.length / 2,
      size < rule.disagrees && size + off < rule.agrees,
    ),
  };
}

/** The matrices that a mask changes: all that do not agree wholly with themselves masked. */
export function touchedBy(scores: ColumnTable): string[] {
  requireColumns(scores, ["matrix", "score"]);
  const rows = scores.objects() as { matrix: string; score: number }[];
  return [...new Set(rows.filter(({ score }) => !(score >= UNTOUCHED)).map(({ matrix }) => matrix))];
}

/** The score of each matrix in each trunk, the mean over its branches. */
function scoresOf(scores: ColumnTable, edit: string): Map<Facet, Map<string, number>> {
  requireColumns(scores, ["edit", "seed", "matrix", "score"]);
  const found = new Map<Facet, Map<string, number[]>>();
  for (const row of scores.objects() as { edit: string; seed: Facet; matrix: string; score: number }[]) {
    if (row.edit !== edit) continue;
    const own = found.get(row.seed) ?? new Map<string, number[]>();
    found.set(row.seed, own.set(row.matrix, [...(own.get(row.matrix) ?? []), row.score]));
  }
  const meanOf = (own: ReadonlyMap<string, number[]>): Map<string, number> =>
    new Map([...own].map(([matrix, values]) => [matrix, mean(values)]));
  return new Map([...found].map(([seed, own]) => [seed, meanOf(own)]));
}
