import type { ColumnTable } from "arquero";
import { type Facets, facetsText, where } from "../../core/facets.js";
import { type Claim, percent, verdictOf, written } from "../claim.js";
import { median } from "../statistics.js";
import { largeValuesGrow } from "./figure1.js";

/** The rule of "nearly every matrix", as in figure 3. */
const rule = { agrees: 0.9, disagrees: 0.5 } as const;

/**
 * "The largest singular values grow most, in nearly every matrix" (PAPER.md section 5, whether the dynamics are universal): figure 1's
 * rule for each matrix of a network. Matrices of which it finds no ratio (a single singular value, a zero matrix) are left out.
 * @param spectra columns matrix, rank (from 1), value: the first and last moment at least
 */
export function largeValuesGrowEverywhere(spectra: ColumnTable, facets: Facets): Claim {
  const own = where(spectra, facets).reify();
  const names = own.dedupe("matrix").array("matrix") as string[];
  const claims = names
    .map((matrix) => largeValuesGrow(where(own, { matrix }), facets, matrix))
    .filter(({ numbers }) => Number.isFinite(numbers.ratio));
  const count = (verdict: Claim["verdict"]): number => claims.filter((one) => one.verdict === verdict).length;
  const [grew, not] = [count("agrees"), count("disagrees")];
  const ratio = median(claims.map(({ numbers }) => numbers.ratio));
  const seeds = own.dedupe("seed").numRows();
  return {
    figure: 1,
    statement: `The largest singular values grow most in nearly every matrix (${facetsText(facets)})`,
    null: "all singular values of a matrix are rescaled alike, or the weights walk at random",
    effect:
      `by figure 1's rule they did in ${grew} of ${claims.length} matrices, and no more than by chance in ${not}; growth of the largest tenth ` +
      `over that of the others: ${written(ratio)} in the median matrix (${seeds === 1 ? "one seed: no spread" : `${seeds} seeds`})`,
    threshold:
      `a matrix counts if the ratio is at least 1.5, beyond a random walk and the spread over seeds; agrees if ${percent(rule.agrees)} of the ` +
      `matrices do, disagrees if in ${percent(rule.disagrees)} or more the ratio is within what a random walk changes, or below`,
    numbers: { grew, not, matrices: claims.length, ratio },
    verdict: verdictOf(grew / claims.length >= rule.agrees, not / claims.length >= rule.disagrees),
  };
}
