import { any, at, type Moment, stepsOf, type When } from "../core/time.js";
import { ConfigError } from "../core/errors.js";
import { toTensors } from "../nn/parameters.js";
import { splitStateDict } from "../nn/state-dict.js";
import type { Coverage, Filling } from "../store/record.js";
import type { Run } from "../store/run.js";
import type { RunReader } from "../store/stored-run.js";
import { vectorsProbe } from "../probes/vectors.js";
import type { Experiment } from "../train/experiment.js";
import { Evaluator } from "../train/evaluator.js";
import { clockOf } from "../train/loop.js";
import type { Probe } from "../train/measure.js";
import { MeasurementQueue } from "../train/queue.js";
import type { ReferenceSvds } from "../train/snapshot.js";

/** What a request may change about what is measured and kept: nothing here changes a weight, or a run's name. */
export interface CoverageChoice {
  /** Keep weights, with the optimiser's memory, at these moments too: branches start from them. */
  readonly keep?: readonly Moment[];
  /** Only these probes; default all of the task's. */
  readonly probes?: readonly string[];
  /** Keep so many leading singular vectors of every matrix, wherever the task measures spectra. Default none. */
  readonly vectors?: number;
}

/** An experiment that measures and keeps what a choice says. @throws ConfigError for vectors that cannot be kept */
export function covering(experiment: Experiment, { keep = [], probes, vectors }: CoverageChoice): Experiment {
  const chosen = experiment.probes.filter(({ name }) => !probes || probes.includes(name));
  return {
    ...experiment,
    probes: vectors === undefined ? chosen : [...chosen, keptVectors(experiment, vectors)],
    checkpoints: keep.length > 0 ? any(experiment.checkpoints, at(...keep)) : experiment.checkpoints,
  };
}

function keptVectors({ model, probes }: Experiment, count: number): Probe {
  if (!(Number.isInteger(count) && count >= 1))
    throw new ConfigError(`vectors: expected a whole number >= 1, found ${count}`);
  const spectra = probes.find(({ name }) => name === "spectra");
  if (spectra) return vectorsProbe(spectra.when, count);
  throw new ConfigError(
    `vectors: expected a task that measures spectra, where they are kept; ${model.name} does not`,
  );
}

/** What an experiment measures and keeps, as its run's record says it. */
export function coverageOf({ probes, evaluations, checkpoints }: Experiment): Coverage {
  const evaluated = Object.entries(evaluations).map(([split, { examples, limit = Infinity }]) => [
    split,
    Math.min(limit, examples.count),
  ]);
  const vectors = probes.find(keepsVectors)?.vectors;
  return {
    probes: Object.fromEntries(probes.map(({ name, when }) => [name, when])),
    ...(vectors !== undefined && { vectors }),
    evaluated: Object.fromEntries(evaluated) as Record<string, number>,
    weights: checkpoints,
  };
}

function keepsVectors(probe: Probe): boolean {
  return probe.vectors !== undefined;
}

/** What is asked of a finished run and not there. */
export interface Missing {
  /** Steps at which a probe did not measure, or kept fewer vectors than are asked for. */
  readonly probes: ReadonlyMap<string, readonly number[]>;
  /** Evaluation sets of which fewer examples were evaluated than asked. */
  readonly evaluated: readonly string[];
  /** Steps whose weights were not kept. */
  readonly weights: readonly number[];
}

/** What of an experiment's measurements and kept weights a finished run lacks. */
export function missingFrom(run: RunReader, experiment: Experiment): Missing {
  const clock = clockOf(experiment);
  const first = run.record.origin?.step ?? 0;
  const last = run.record.step ?? clock.totalSteps;
  const asked = (when: When): number[] => {
    const steps = stepsOf(when, clock).map((step) => (step === clock.totalSteps ? last : step));
    return [...new Set(steps)].filter((step) => step >= first && step <= last);
  };
  const measured = new Map<string, number>(); // by probe and step, the vectors kept there
  for (const { probe, step, vectors } of run.rows())
    measured.set(`${String(probe)} ${String(step)}`, Number(vectors ?? 0));
  const probes = new Map<string, readonly number[]>();
  for (const { name, when, vectors = 0 } of experiment.probes) {
    const steps = asked(when).filter((step) => !(measured.get(`${name} ${step}`)! >= vectors));
    if (steps.length > 0) probes.set(name, steps);
  }
  const kept = new Set(run.weightSteps());
  const evaluated = Object.entries(coverageOf(experiment).evaluated)
    .filter(([split, count]) => count > (run.record.coverage.evaluated[split] ?? 0))
    .map(([split]) => split);
  return { probes, evaluated, weights: asked(experiment.checkpoints).filter((step) => !kept.has(step)) };
}

/** What is missing, without weights that the run kept and a sweep let go of. */
export function butReleased({ record: { released } }: RunReader, missing: Missing): Missing {
  if (released === undefined) return missing;
  return { ...missing, weights: missing.weights.filter((step) => !released.includes(step)) };
}

/** What a finished run's kept weights cannot make up for, in words; undefined if they can, or nothing is missing. */
export function beyondRepair(run: RunReader, { probes, evaluated, weights }: Missing): string | undefined {
  const kept = new Set(run.weightSteps());
  const lost = [...probes].flatMap(([name, steps]) => {
    const gone = steps.filter((step) => !kept.has(step));
    return gone.length > 0 ? [`${name} at ${gone.length} steps (from step ${gone[0]})`] : [];
  });
  if (evaluated.length > 0) lost.push(`as many evaluated examples (${evaluated.join(", ")})`);
  if (weights.length > 0) {
    const released = weights.some((step) => run.record.released?.includes(step));
    const why = released ? ", which a sweep let go of" : "";
    lost.push(`the weights of ${weights.length} steps (from step ${weights[0]})${why}`);
  }
  return lost.length > 0 ? lost.join(", ") : undefined;
}

/**
 * Measures from a finished run's kept weights what its rows lack, adds it to them, and widens the recorded coverage. What is
 * added counts once the record states it, which is the last thing that is written.
 * @param run open for writing
 * @param svds of the weights that the run is compared with
 * @param by what measures, for the record
 * @throws the signal's reason once it is aborted; what was measured by then is kept
 */
export async function fillFromWeights(
  run: Run,
  experiment: Experiment,
  missing: Missing,
  svds: ReferenceSvds,
  by: Omit<Filling, "probes">,
  signal?: AbortSignal,
): Promise<void> {
  const lacking = experiment.probes.filter(({ name }) => missing.probes.has(name));
  const probes = lacking.map((probe) => ({
    ...probe,
    when: at(...missing.probes.get(probe.name)!.map((step) => `${step}it`)),
  }));
  const clock = clockOf(experiment);
  const filling = { ...experiment, probes, stop: undefined };
  const evaluator = new Evaluator(experiment.model);
  const queue = new MeasurementQueue(filling, clock, run, svds.engine, svds, evaluator);
  try {
    for (const step of [...new Set([...missing.probes.values()].flat())].sort((a, b) => a - b)) {
      signal?.throwIfAborted();
      const { parameters, buffers } = splitStateDict(experiment.model, run.readWeights(step));
      const weights = { parameters: toTensors(parameters), buffers: toTensors(buffers) };
      await queue.measure(step, step / clock.stepsPerEpoch, weights, undefined);
      await queue.drain();
    }
  } finally {
    evaluator.dispose();
  }
  const before = run.record.coverage;
  const asked = coverageOf(experiment);
  const names = [...missing.probes.keys()];
  const both = names.map((name) => [name, joined(before.probes[name], asked.probes[name])]);
  const vectors = lacking.find(keepsVectors)?.vectors ?? before.vectors;
  run.update({
    coverage: {
      ...before,
      probes: { ...before.probes, ...Object.fromEntries(both) },
      ...(vectors !== undefined && { vectors }),
    },
    fillings: [...(run.record.fillings ?? []), { probes: names, ...by }],
  });
}

/** Both moments as one, flat: a run may be filled many times. */
function joined(before: When | undefined, asked: When): When {
  const parts = [before, asked].flatMap((when) => (when && "any" in when ? when.any : (when ?? [])));
  return parts.length === 1 ? parts[0] : any(...parts);
}
