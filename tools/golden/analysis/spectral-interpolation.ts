import type { LineChoice } from "spectral-lab/analysis/line";
import { Comparison } from "../compare.js";
import { compareCurve, curveOf } from "./curves.js";
import type { AnalysedModel, Curve } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { evaluationOf } from "./networks.js";

/** Section b: only one half of the singular triplets moves. */
export async function checkSpectralInterpolation(
  { spectralInterpolation, interpolation }: AnalysedModel,
  inputs: AnalysisInputs,
): Promise<Comparison> {
  const compare = new Comparison();
  const pairs = spectralInterpolation as Record<"near" | "far", Record<string, Curve>>;
  for (const [pair, curves] of Object.entries(pairs)) {
    const { labels } = (interpolation as Record<string, { labels?: readonly number[] }>)[pair];
    const how = evaluationOf(inputs, labels);
    for (const [name, expected] of Object.entries(curves)) {
      const found = await curveOf(inputs, inputs[pair as "near" | "far"], {
        ...how,
        line: choiceNamed(name),
      });
      compareCurve(compare, `${pair} ${name}`, found, expected, how.evaluation.examples.count);
    }
  }
  return compare;
}

/** "top/rest fixed". */
function choiceNamed(name: string): LineChoice {
  const [components, rest] = name.split("/rest ");
  return { components, rest } as LineChoice;
}
