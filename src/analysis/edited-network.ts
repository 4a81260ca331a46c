import type { Half } from "../nn/halves.js";
import { halved } from "../nn/halves.js";
import type { Metrics, Model, Parameters } from "../nn/model.js";
import { disposeParameters, toArrays } from "../nn/parameters.js";
import { hiddenMatrices } from "../nn/views.js";
import type { EvaluationOptions, MeanOver } from "../train/evaluate.js";
import type { Evaluator } from "../train/evaluator.js";
import type { Examples } from "../train/examples.js";
import type { Decomposer } from "../train/measure.js";
import { decomposed, type Network } from "./line.js";

/** How a network whose weights were edited is evaluated. */
export interface EditedEvaluation<Batch> {
  readonly evaluator: Evaluator<Batch>;
  /** The half of the singular triplets of every hidden matrix that is left before anything else is done. */
  readonly half: "full" | Half;
  /** Running statistics are made anew by a pass over these examples; absent: the buffers are taken as they are. */
  readonly statistics?: EvaluationOptions & { readonly examples: Examples<Batch> };
  /** What the metrics are of. */
  readonly evaluation: EvaluationOptions & { readonly examples: Examples<Batch>; readonly mean?: MeanOver };
  /** Decomposes hidden matrices where half of them is left. */
  readonly engine: Decomposer;
}

/**
 * Metrics of a network after its weights were edited: pruned if asked for, with the statistics that belong to the edited
 * weights. Leaves no tensor behind, and the network's own as they are.
 * @throws SpectrumError if a matrix that is decomposed holds a NaN or an infinity
 */
export async function evaluateEdited<Batch>(
  { parameters, buffers }: Network,
  { evaluator, half, statistics, evaluation, engine }: EditedEvaluation<Batch>,
): Promise<Metrics> {
  const edited = half === "full" ? undefined : await pruned(evaluator.model, parameters, half, engine);
  const weights = edited ?? parameters;
  let recomputed: Parameters | undefined;
  try {
    if (statistics)
      recomputed = await evaluator.recalibrate(weights, buffers, statistics.examples, statistics);
    return await evaluator.evaluate(weights, recomputed ?? buffers, evaluation.examples, evaluation);
  } finally {
    if (edited) disposeParameters(edited);
    if (recomputed) disposeParameters(recomputed);
  }
}

/** Parameters on the device with one half of every hidden matrix. */
async function pruned<Batch>(
  model: Model<Batch>,
  parameters: Parameters,
  half: Half,
  engine: Decomposer,
): Promise<Parameters> {
  const read = hiddenMatrices(model).map(({ parameter }) => [parameter, parameters.get(parameter)!] as const);
  const host = await toArrays(new Map(read));
  return halved(model, parameters, half, (view) => decomposed(view, host, engine));
}
