import { singularPairs } from "spectral-lab/analysis/singular-pairs";
import { agreementDiagonal, agreementScore, type SingularPairs } from "spectral-lab/linalg/agreement";
import { SvdPool } from "spectral-lab/linalg/pool";
import { LEADING } from "spectral-lab/probes/alignment";
import { Comparison } from "../compare.js";
import type { AnalysedModel, SafeDiagonal } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { compareDiagonal } from "./tolerances.js";

/** Of A with each of the two, by matrix. */
type Agreements = Readonly<Record<"near" | "far", Readonly<Record<string, SafeDiagonal>>>>;

/** Agreement of every matrix of A with those of a network near it, and of another, as the study computes it. */
export async function checkAgreement(
  { agreement }: AnalysedModel,
  { model, A, ...inputs }: AnalysisInputs,
): Promise<Comparison> {
  const compare = new Comparison();
  const svd = new SvdPool();
  try {
    const pairsOf = (weights: typeof A, of: string): Promise<SingularPairs[]> =>
      singularPairs(model.matrices, weights, { pairs: LEADING, svd, of });
    const ofA = await pairsOf(A, "A");
    for (const end of ["near", "far"] as const) {
      const other = await pairsOf(inputs[end], end);
      const expected = (agreement as Agreements)[end];
      const names = model.matrices.map(({ name }) => name);
      compare.value("agreement", `${end}: matrices`, Object.keys(expected).length, names.length, 0, 0);
      names.forEach((name, i) => {
        const diagonal = agreementDiagonal(ofA[i], other[i]);
        const found = { diagonal, score: agreementScore(diagonal) };
        compareDiagonal(compare, `agreement ${end}`, name, found, expected[name]);
      });
    }
  } finally {
    await svd.close();
  }
  return compare;
}
