import { Comparison } from "../compare.js";
import { compareCurve, curveOf } from "./curves.js";
import type { AnalysedModel, Curve } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { evaluationOf } from "./networks.js";

/** Of a pair of networks: what is found along the line between them, pruned or not. */
interface Interpolation {
  /** Of the evaluation examples, if not their own. */
  readonly labels?: readonly number[];
  readonly recomputed: Curve & { readonly meanOfBatchMeans?: Curve };
  readonly notRecomputed?: Curve;
  readonly prunedTop: Curve;
  readonly prunedBottom: Curve;
}

/** Section a: interpolation and barriers. */
export async function checkInterpolation(
  { interpolation }: AnalysedModel,
  inputs: AnalysisInputs,
): Promise<Comparison> {
  const compare = new Comparison();
  for (const [pair, expected] of Object.entries(interpolation as Record<"near" | "far", Interpolation>)) {
    const how = evaluationOf(inputs, expected.labels);
    const { count } = how.evaluation.examples;
    const check = async (
      name: string,
      curve: Curve | undefined,
      changes: Partial<typeof how>,
    ): Promise<void> => {
      if (!curve) return;
      const found = await curveOf(inputs, inputs[pair as "near" | "far"], { ...how, ...changes });
      compareCurve(compare, `${pair} ${name}`, found, curve, count);
    };
    await check("recomputed", expected.recomputed, {});
    const batches = { ...how.evaluation, mean: "batches" } as const;
    await check("mean of batch means", expected.recomputed.meanOfBatchMeans, { evaluation: batches });
    await check("not recomputed", expected.notRecomputed, { statistics: undefined });
    await check("pruned to the top", expected.prunedTop, { half: "top" });
    await check("pruned to the bottom", expected.prunedBottom, { half: "bottom" });
  }
  return compare;
}
