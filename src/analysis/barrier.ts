import type { NamedArrays } from "../core/array.js";
import { oneOf, unknownName, whole } from "../core/config.js";
import { ConfigError, DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import type { Half } from "../nn/halves.js";
import type { Metrics } from "../nn/model.js";
import { disposeParameters } from "../nn/parameters.js";
import type { RunAtStep } from "../store/run-at-step.js";
import { type MeanOver, valueOf } from "../train/evaluate.js";
import type { Experiment } from "../train/experiment.js";
import { sampleOf } from "../train/examples.js";
import { keepBatches } from "../train/kept-batches.js";
import type { Decomposer, Evaluation, Measurement } from "../train/measure.js";
import { splitFor } from "../train/start.js";
import { expectTwoOfOneTask } from "./two-networks.js";
import { Evaluator } from "../train/evaluator.js";
import { type EditedEvaluation, evaluateEdited } from "./edited-network.js";
import { type Line, type LineChoice, openLine } from "./line.js";
import { defineStudy, type Disposable, type StudyContext } from "./study.js";

type Parameters = LineChoice & {
  /** Points on the line, both ends included: alpha = i / (points - 1). */
  readonly points: number;
  /** The half of the singular triplets of every hidden matrix that is left after interpolation. */
  readonly half: "full" | Half;
  /** Running statistics of normalisation: made anew at every point by a pass over the training set, or interpolated. */
  readonly statistics: "recomputed" | "interpolated";
  /** The data set that is evaluated, of the first input. */
  readonly split: string;
  /** Only so many of its examples, drawn once for all runs (`sampleOf`); 0: all. The authors take all images, and draw 1000 utterances or sequences. */
  readonly examples: number;
  /** What the metrics' means give equal weight to. */
  readonly mean: MeanOver;
};

/**
 * Linear mode connectivity of two networks of a task (PAPER.md section 1, Eqn 6, and section 2, "Barriers"): metrics along the
 * line between them. A part `alpha/<alpha>` per point, with a row per metric: alpha, metric, value, and count (examples, or
 * whatever the metric counts). `barriersTable` makes barriers of them. The data are those of the first input; noise (of
 * diffusion models) is the same at every point.
 */
export const barrier = defineStudy<Parameters>({
  kind: "barrier",
  title: "Metrics along the line between two networks",
  reads: "weights",
  defaults: {
    points: 11,
    components: "all",
    rest: "moves",
    half: "full",
    statistics: "recomputed",
    split: "train",
    examples: 0,
    mean: "examples",
  },
  checks: {
    points: whole(3, 10_001),
    components: oneOf("all", "top", "bottom"),
    rest: oneOf("moves", "fixed"),
    half: oneOf("full", "top", "bottom"),
    statistics: oneOf("recomputed", "interpolated"),
    examples: whole(0),
    mean: oneOf("examples", "batches"),
  },
  needs: (inputs) => expectTwoOfOneTask("barrier", inputs),
  parts({ inputs, parameters: { points }, weights }) {
    checkEnds(inputs, [weights(0), weights(1)]);
    return Array.from({ length: points }, (_, i) => `${PART}${i / (points - 1)}`);
  },
  async compute(part, context) {
    const alpha = Number(part.slice(PART.length));
    const { line, evaluation } = await context.shared("line", () => prepare(context));
    const network = line.at(alpha);
    try {
      return measurementOf(alpha, await evaluateEdited(network, evaluation));
    } finally {
      disposeParameters(network.parameters);
      disposeParameters(network.buffers);
    }
  },
});

const PART = "alpha/";

/** What all points share, on the device. */
interface Prepared extends Disposable {
  readonly line: Line;
  readonly evaluation: EditedEvaluation<unknown>;
}

async function prepare(context: StudyContext<Parameters>): Promise<Prepared> {
  const { inputs, parameters, signal } = context;
  const experiment = await context.experiment(0);
  const { model, training, batching } = experiment;
  const evaluation = evaluationOf(experiment, parameters.split);
  const ends = inputs.map((input, i) => splitFor(placeOf(input), model, context.weights(i)));
  const engine: Decomposer = { svd: (matrix, options) => context.svd.svd(matrix, { ...options, signal }) };
  const line = await openLine(model, [ends[0], ends[1]], parameters, engine);
  const trained = keepBatches(training);
  const sample = sampleOf(evaluation.examples, parameters.examples || Infinity);
  const examples = sample === training ? trained : keepBatches(sample);
  const evaluator = new Evaluator(model);
  const recomputed = { examples: trained, batchSize: batching.batchSize, signal };
  return {
    line,
    evaluation: {
      evaluator,
      half: parameters.half,
      ...(parameters.statistics === "recomputed" && { statistics: recomputed }),
      evaluation: {
        examples,
        batchSize: evaluation.batchSize,
        mean: parameters.mean,
        signal,
      },
      engine,
    },
    dispose() {
      [line, trained, examples, evaluator].forEach((held) => held.dispose());
    },
  };
}

/** @throws ConfigError naming the sets that there are */
function evaluationOf({ evaluations }: Experiment, split: string): Evaluation<unknown> {
  if (Object.hasOwn(evaluations, split)) return evaluations[split];
  throw unknownName("barrier: split", split, Object.keys(evaluations));
}

/**
 * @throws ConfigError unless both have the same arrays; DataError for numbers that are not finite: some backends make
 * ordinary losses of them
 */
function checkEnds(inputs: readonly RunAtStep[], [a, b]: readonly NamedArrays[]): void {
  const shapes = (weights: NamedArrays): Map<string, string> =>
    new Map([...weights].map(([name, { shape }]) => [name, `[${shape}]`]));
  const [ofA, ofB] = [shapes(a), shapes(b)];
  const differing = [...new Set([...ofA.keys(), ...ofB.keys()])].find(
    (name) => ofA.get(name) !== ofB.get(name),
  );
  if (differing !== undefined) {
    const found = [ofA, ofB].map((of, i) => `${of.get(differing) ?? "none"} in ${placeOf(inputs[i])}`);
    throw new ConfigError(
      `barrier: expected two networks of one size, found "${printable(differing, 200)}" ${found.join(" and ")}`,
    );
  }
  for (const [i, weights] of [a, b].entries()) {
    for (const [name, { data }] of weights) {
      if (data.length === 0 || (data as Float32Array).every(Number.isFinite)) continue;
      throw new DataError(
        `barrier: expected finite weights, found NaN or infinity in "${printable(name, 200)}" of ${placeOf(inputs[i])}: it diverged`,
      );
    }
  }
}

function placeOf({ run, step, edit }: RunAtStep): string {
  const { task, id } = run.record;
  return `run ${task}/${id} at step ${step}${edit ? ` after ${printable(edit, 200)}` : ""}`;
}

function measurementOf(alpha: number, metrics: Metrics): Measurement {
  const rows = Object.entries(metrics).map(([metric, ratio]) => ({
    alpha,
    metric,
    value: valueOf(ratio),
    count: ratio.count,
  }));
  return { rows };
}
