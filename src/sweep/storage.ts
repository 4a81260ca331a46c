import * as tf from "@tensorflow/tfjs";
import { type Clock, stepsOf } from "../core/time.js";
import type { DescribedRun } from "../tasks/run.js";

/** A run that is described, and its clock. */
interface TimedRun extends DescribedRun {
  readonly clock: Clock;
}

/** Bytes that a finished run keeps. */
export interface Kept {
  /** Weights of all kept steps. */
  readonly weights: number;
  /** The optimiser's memory at those between the first and the last. */
  readonly memory: number;
  /** Arrays and rows of what is measured, and the record. */
  readonly measurements: number;
}

/** Of an array's entry in the header of its file, with its name. */
const HEADER = 95;

/** What run.json takes, about, without what it states of files, and what it states of one. */
const RECORD = 2900;
const STATED = 110;

/**
 * The bytes that a run keeps once it is finished, from the matrices of its network and the moments at which it measures
 * and keeps; of one that may stop early at most. Within one per cent of the weights: parameters that are no matrices count as
 * one bias for every row of one. Needs a started backend.
 * @param released steps whose weights it lets go of
 */
export function keptBy({ experiment, clock, description }: TimedRun, released: readonly number[] = []): Kept {
  const { model, probes, checkpoints } = experiment;
  const first = description.origin?.step ?? 0;
  const last = clock.totalSteps;
  const steps = new Set([...stepsOf(checkpoints, clock), last].filter((step) => step >= first));
  for (const step of released) steps.delete(step);
  const remembered = [...steps].filter((step) => step > 0 && step < last).length;
  const parameters = bytesOfWeights(model);
  const measured = new Set<number>();
  let measurements = RECORD;
  for (const probe of probes) {
    const moments = stepsOf(probe.when, clock).filter((step) => step >= first);
    measurements += moments.length * (probe.bytes?.(model) ?? 0);
    for (const step of moments) measured.add(step);
  }
  return {
    weights: steps.size * parameters,
    memory: remembered * slotsOf(experiment) * parameters,
    measurements: measurements + STATED * (measured.size + steps.size + remembered),
  };
}

/** Bytes of the two checkpoints that a run has while it trains. Needs a started backend. */
export function checkpointBytes({ experiment }: TimedRun): number {
  return 2 * (1 + slotsOf(experiment)) * bytesOfWeights(experiment.model);
}

function bytesOfWeights({ matrices }: TimedRun["experiment"]["model"]): number {
  return matrices.reduce((sum, { rows, columns }) => sum + 4 * (rows * columns + rows) + 2 * HEADER, 0);
}

/** How many arrays of a parameter's shape the optimiser remembers for each. */
function slotsOf({ optimiser }: TimedRun["experiment"]): number {
  const parameter = tf.scalar(0);
  const { slots } = optimiser.init(new Map([["parameter", parameter]]));
  const { size } = slots;
  tf.dispose([parameter, ...slots.values()]);
  return size;
}

/** The sum of some runs' bytes. */
export function sumOf(all: readonly Kept[]): Kept & { readonly total: number } {
  const sum = { weights: 0, memory: 0, measurements: 0, total: 0 };
  for (const { weights, memory, measurements } of all) {
    sum.weights += weights;
    sum.memory += memory;
    sum.measurements += measurements;
    sum.total += weights + memory + measurements;
  }
  return sum;
}
