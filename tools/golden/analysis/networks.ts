import { Evaluator } from "spectral-lab/train/evaluator";
import type { NamedArrays } from "spectral-lab/core/array";
import type { EditedEvaluation } from "spectral-lab/analysis/edited-network";
import { evaluateEdited } from "spectral-lab/analysis/edited-network";
import { openEngine, svdSync } from "spectral-lab/linalg/engine";
import type { Metrics } from "spectral-lab/nn/model";
import { disposeParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";
import type { StateDict } from "spectral-lab/nn/state-dict";
import type { Decomposer } from "spectral-lab/train/measure";
import { recalibrate } from "spectral-lab/train/recalibrate";
import type { AnalysisInputs } from "./inputs.js";

/** The examples that statistics are made from: the first 24, eight at a time. */
export const STATISTICS = { batchSize: 8, limit: 24 } as const;

const engine = openEngine({ engine: "wasm" });

/** Decomposes on this thread. */
export const decomposer: Decomposer = { svd: async (matrix, options) => svdSync(matrix, options, engine) };

/** How the networks of a model are evaluated: statistics recomputed, and all evaluation examples in one mean. */
export function evaluationOf(
  { model, training, evaluation }: AnalysisInputs,
  labels?: readonly number[],
): EditedEvaluation<unknown> {
  return {
    evaluator: new Evaluator(model),
    half: "full",
    statistics: { ...STATISTICS, examples: training },
    evaluation: { batchSize: 8, examples: evaluation(labels) },
    engine: decomposer,
  };
}

/** Weights with the running statistics that belong to them. */
export async function withStatistics(
  { model, training }: AnalysisInputs,
  parameters: NamedArrays,
  options: { readonly batchSize: number; readonly limit: number } = STATISTICS,
): Promise<StateDict> {
  const [weights, old] = [toTensors(parameters), toTensors(model.initBuffers(0))];
  try {
    const buffers = await recalibrate(model, weights, old, training, options);
    try {
      return { parameters, buffers: await toArrays(buffers) };
    } finally {
      disposeParameters(buffers);
    }
  } finally {
    [weights, old].forEach(disposeParameters);
  }
}

/** Metrics of edited weights, statistics recomputed. */
export async function metricsOf(
  inputs: AnalysisInputs,
  weights: NamedArrays,
  labels?: readonly number[],
): Promise<Metrics> {
  const [parameters, buffers] = [toTensors(weights), toTensors(inputs.model.initBuffers(0))];
  try {
    return await evaluateEdited({ parameters, buffers }, evaluationOf(inputs, labels));
  } finally {
    [parameters, buffers].forEach(disposeParameters);
  }
}
