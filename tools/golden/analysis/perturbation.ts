import type { NamedArrays } from "spectral-lab/core/array";
import { agreementDiagonal, agreementScore } from "spectral-lab/linalg/agreement";
import type { MatrixView } from "spectral-lab/nn/model";
import { hiddenMatrices, matrixOf } from "spectral-lab/nn/views";
import { withMatrices } from "spectral-lab/train/edits/norms";
import { perturbed } from "spectral-lab/train/edits/perturb";
import { valueOf } from "spectral-lab/train/evaluate";
import { decomposer } from "../check.js";
import { Comparison } from "../compare.js";
import type { AnalysedModel, SafeDiagonal } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { metricsOf } from "./networks.js";
import { compareDiagonal, compareErrors, TOLERANCE } from "./tolerances.js";

interface Perturbation {
  readonly loss: number;
  readonly error?: number;
  /** Of the network whose embedding is perturbed as well. */
  readonly lossEmbeddingToo?: number;
  readonly agreement: Readonly<Record<string, SafeDiagonal>>;
}

/** Section e: noise of a size, and what it does to loss and singular vectors. */
export async function checkPerturbation(
  { perturbation }: AnalysedModel,
  inputs: AnalysisInputs,
): Promise<Comparison> {
  const compare = new Comparison();
  const { model, A } = inputs;
  const hidden = hiddenMatrices(model);
  const usual = hidden.filter(({ name }) => !model.embedding?.includes(name));
  const before = decomposer(model, A);
  const { count } = inputs.evaluation();
  for (const [eta, expected] of Object.entries(perturbation as Record<string, Perturbation>)) {
    const weights = perturbedBy(inputs, usual, Number(eta));
    const { loss, error } = await metricsOf(inputs, weights);
    compare.value("loss", eta, valueOf(loss), expected.loss, 0, TOLERANCE.loss);
    if (expected.error !== undefined)
      compareErrors(compare, "error", [valueOf(error)], [expected.error], { count, at: eta });
    if (expected.lossEmbeddingToo !== undefined) {
      const { loss } = await metricsOf(inputs, perturbedBy(inputs, hidden, Number(eta)));
      compare.value("lossEmbeddingToo", eta, valueOf(loss), expected.lossEmbeddingToo, 0, TOLERANCE.loss);
    }
    const after = decomposer(model, weights);
    for (const [matrix, agreement] of Object.entries(expected.agreement)) {
      const diagonal = agreementDiagonal(before({ matrix }), after({ matrix }));
      compareDiagonal(
        compare,
        "agreement",
        `${eta} ${matrix}`,
        { diagonal, score: agreementScore(diagonal) },
        agreement,
      );
    }
  }
  return compare;
}

/** A with its matrices moved by the noise that was drawn. */
function perturbedBy({ A, noise }: AnalysisInputs, views: readonly MatrixView[], eta: number): NamedArrays {
  return withMatrices(A, views, ({ data }, view) =>
    perturbed(data, Float64Array.from(matrixOf(view, noise).data), eta),
  );
}
