import { evaluateEdited } from "spectral-lab/analysis/edited-network";
import { disposeParameters, toTensors } from "spectral-lab/nn/parameters";
import { valueOf } from "spectral-lab/train/evaluate";
import { Comparison } from "../compare.js";
import { normOf } from "../train.js";
import type { AnalysedModel } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { evaluationOf, withStatistics } from "./networks.js";
import { TOLERANCE } from "./tolerances.js";

/** Running statistics of A recomputed in three batches. */
interface Statistics {
  /** Of the first layer, by channel. */
  readonly firstMean: readonly number[];
  readonly firstVariance: readonly number[];
  /** By layer. */
  readonly meanNorm: readonly number[];
  readonly varianceNorm: readonly number[];
  readonly loss: number;
}

/** Recomputed statistics: in equal batches, and in batches of which the last is short. */
export async function checkStatistics(
  { statistics }: AnalysedModel,
  inputs: AnalysisInputs,
): Promise<Comparison> {
  const compare = new Comparison();
  for (const [batches, expected] of Object.entries(statistics as Record<string, Statistics>)) {
    const batchSize = Number(batches.split("+")[0]); // "10+10+4"
    const { buffers } = await withStatistics(inputs, inputs.A, { batchSize, limit: 24 });
    const vectors = (suffix: string): Float32Array[] =>
      [...buffers].filter(([name]) => name.endsWith(suffix)).map(([, { data }]) => data as Float32Array);
    const [means, variances] = [vectors("running_mean"), vectors("running_var")];
    const first = (vector: Float32Array, of: readonly number[], what: string): void =>
      compare.values("statistics", vector, of, normOf(of), `${batches} ${what}`, TOLERANCE.norm);
    first(means[0], expected.firstMean, "first mean");
    first(variances[0], expected.firstVariance, "first variance");
    const norms = (of: readonly number[], found: Float32Array[], what: string): void =>
      compare.values("statistics", found.map(normOf), of, 0, `${batches} ${what}`, TOLERANCE.norm);
    norms(expected.meanNorm, means, "mean");
    norms(expected.varianceNorm, variances, "variance");
    const network = { parameters: toTensors(inputs.A), buffers: toTensors(buffers) };
    const { loss } = await evaluateEdited(network, { ...evaluationOf(inputs), statistics: undefined });
    compare.value("loss", batches, valueOf(loss), expected.loss, 0, TOLERANCE.loss);
    [network.parameters, network.buffers].forEach(disposeParameters);
  }
  return compare;
}
