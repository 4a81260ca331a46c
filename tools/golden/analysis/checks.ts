import { hiddenMatrices } from "spectral-lab/nn/views";
import { Comparison } from "../compare.js";
import { normOf } from "../train.js";
import type { AnalysedModel } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { TOLERANCE } from "./tolerances.js";

/** Norms of all sets of weights, sums and labels of the data, names of the hidden matrices: a wrong draw shows here. */
export function checkInputs(
  { checks, hiddenMatrices: hidden }: AnalysedModel,
  inputs: AnalysisInputs,
): Comparison {
  const compare = new Comparison();
  const norms = (["A", "near", "far", "rewound", "noise", "ranked"] as const).map((set) => {
    return [set, normOf([...inputs[set].values()].map(({ data }) => normOf(data as Float32Array)))] as const;
  });
  const { host } = inputs;
  const sums =
    "tokens" in host
      ? [["tokenSum", sumOf(host.tokens)] as const]
      : [
          ["trainingSum", sumOf(host.training.images)] as const,
          ["evaluationSum", sumOf(host.evaluation.images)] as const,
        ];
  for (const [name, found] of [...norms, ...sums]) {
    compare.value("inputs", name, found, checks[name] ?? NaN, 0, TOLERANCE.input);
  }
  if (!("tokens" in host)) {
    compare.same("labels", "training", host.training.labels, checks.trainingLabels ?? []);
    compare.same("labels", "evaluation", host.evaluation.labels, checks.evaluationLabels ?? []);
  }
  const names = hiddenMatrices(inputs.model).map(({ name }) => name);
  compare.value("hiddenMatrices", "names", Number(`${names}` === `${hidden}`), 1, 0, TOLERANCE.exact);
  return compare;
}

function sumOf(data: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  return sum;
}
