import type { NamedArrays } from "spectral-lab/core/array";
import { barrierOf } from "spectral-lab/analysis/barrier-of";
import { evaluateEdited, type EditedEvaluation } from "spectral-lab/analysis/edited-network";
import { type LineChoice, openLine } from "spectral-lab/analysis/line";
import { disposeParameters } from "spectral-lab/nn/parameters";
import { valueOf } from "spectral-lab/train/evaluate";
import type { Comparison } from "../compare.js";
import type { Curve } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { decomposer, evaluationOf, withStatistics } from "./networks.js";
import { compareErrors, TOLERANCE } from "./tolerances.js";

/** The line's points in every file. */
export const ALPHAS = Array.from({ length: 11 }, (_, i) => i / 10);

/** Metrics along a line, by name. */
export type Found = Readonly<Record<string, readonly number[]>>;

const WHOLE: LineChoice = { components: "all", rest: "moves" };

/** Metrics along the line from A to another network, both with recomputed statistics. */
export async function curveOf(
  inputs: AnalysisInputs,
  other: NamedArrays,
  {
    line: choice = WHOLE,
    ...evaluation
  }: Partial<EditedEvaluation<unknown>> & { readonly line?: LineChoice } = {},
): Promise<Found> {
  const ends = [await withStatistics(inputs, inputs.A), await withStatistics(inputs, other)] as const;
  const line = await openLine(inputs.model, ends, choice, decomposer);
  const found: Record<string, number[]> = {};
  try {
    for (const alpha of ALPHAS) {
      const network = line.at(alpha);
      const metrics = await evaluateEdited(network, { ...evaluationOf(inputs), ...evaluation });
      for (const [name, ratio] of Object.entries(metrics)) (found[name] ??= []).push(valueOf(ratio));
      [network.parameters, network.buffers].forEach(disposeParameters);
    }
  } finally {
    line.dispose();
  }
  return found;
}

/** Compares a curve and its barriers. @param what "near, recomputed" */
export function compareCurve(
  compare: Comparison,
  what: string,
  found: Found,
  expected: Curve,
  examples: number,
): void {
  const { loss, error, barrier, smallestMargin: margin } = expected;
  const barriers = typeof barrier === "number" ? { loss: barrier } : barrier;
  compare.values("loss", found.loss, loss, 0, what, TOLERANCE.loss);
  compare.value(
    "loss barrier",
    what,
    barrierOf(ALPHAS, found.loss).barrier,
    barriers.loss,
    1,
    TOLERANCE.barrier,
  );
  if (error) compareErrors(compare, "error", found.error, error, { margin, count: examples, at: what });
  if (error && "error" in barriers && barriers.error !== undefined) {
    const of = barrierOf(ALPHAS, found.error).barrier;
    compareErrors(compare, "error barrier", [of], [barriers.error], { margin, count: examples, at: what });
  }
}
