import type { NamedArrays } from "../core/array.js";
import { DataError, messageOf, StoreError } from "../core/errors.js";
import type { Model } from "../nn/model.js";
import { disposeParameters, toArrays, toTensors } from "../nn/parameters.js";
import { splitStateDict, type StateDict } from "../nn/state-dict.js";
import type { Optimiser, OptimiserState } from "../optim/optimiser.js";
import { howToKeep } from "../store/remake.js";
import type { RunReader } from "../store/stored-run.js";
import { type Start, unpackMemory } from "./checkpoint.js";
import { applyEdit, type Edit, type EditContext } from "./edits/edit.js";
import { checkMasks, maskArrays } from "./edits/masks.js";
import type { Experiment } from "./experiment.js";
import { recalibrate } from "./recalibrate.js";
import type { TrainingState } from "./step.js";

/**
 * A run's state at a step at which it kept its weights: what a branch starts from.
 * @param memory false for fresh moments: then only the weights are read
 * @throws StoreError naming the run, the step and the steps that are there if weights or memory were not kept;
 * DataError if they are damaged or another model's
 */
export function startFrom<Batch>(
  run: RunReader,
  step: number,
  model: Model<Batch>,
  { memory = true }: { readonly memory?: boolean } = {},
): Start {
  const there = (steps: readonly number[], what: string): void => {
    if (steps.includes(step)) return;
    const found = steps.length > 0 ? `those of step ${steps.join(", ")}` : "none";
    const todo = howToKeep(run.record, run.weightSteps(), step);
    throw new StoreError(`${run.folder}: expected ${what} of step ${step}, found ${found}${todo}`);
  };
  there(run.weightSteps(), "kept weights");
  const place = `${run.folder}, step ${step}`;
  const weights = run.readWeights(step);
  splitFor(place, model, weights);
  if (step === 0 || !memory) return { step, weights };
  there(run.memorySteps(), "the kept memory of the optimiser");
  return { step, weights, ...unpackMemory(place, run.readMemory(step)!) };
}

/**
 * A start after an edit of its weights: edited, masked or held at norms if the edit says so (else as it was), and with
 * normalisation statistics recomputed by one pass over the training set. Losses and an early end of the run that it is taken from
 * are not taken over; the optimiser's memory is, as in the authors' code, and goes where the edit moves weights. Needs a started
 * backend and leaves no tensor on it.
 * @param context.seed of the branch: random masks and new weights are drawn from it
 * @param context.other the weights that `weightsReadBy(edit)` names
 * @param context.norms those of the run that `normsReadBy(edit)` names
 * @throws ConfigError for an edit that is out of range; DataError for weights or masks of another model
 */
export async function startAfter<Batch>(
  edit: Edit,
  { step, weights: before, memory, masks: masksBefore, norms: normsBefore }: Start,
  context: Pick<EditContext, "seed" | "other" | "norms"> & { readonly experiment: Experiment<Batch> },
): Promise<Start> {
  const { experiment, ...given } = context;
  const edited = applyEdit(edit, { model: experiment.model, weights: before, step, ...given });
  const { norms = normsBefore, alongside = (arrays: NamedArrays) => arrays } = edited;
  const masks = edited.masks ?? (masksBefore && alongside(masksBefore));
  const weights = await withStatistics(experiment, maskArrays(edited.weights, masks));
  const moved = memory && { ...memory, slots: slotsAlongside(memory.slots, alongside) };
  return { step, weights, ...(moved && { memory: moved }), ...(masks && { masks }), ...(norms && { norms }) };
}

/** An optimiser's slots, "m/<parameter>", after what an edit does to arrays that belong to the parameters. */
function slotsAlongside(slots: NamedArrays, alongside: (arrays: NamedArrays) => NamedArrays): NamedArrays {
  const kinds = new Set([...slots.keys()].map((name) => name.slice(0, name.indexOf("/") + 1)));
  const moved = [...kinds].flatMap((kind) => {
    const own = [...slots].filter(([name]) => name.startsWith(kind));
    const named = new Map(own.map(([name, array]) => [name.slice(kind.length), array]));
    return [...alongside(named)].map(([name, array]) => [kind + name, array] as const);
  });
  return new Map(moved);
}

/** The same weights with the running statistics that belong to them. */
async function withStatistics<Batch>(
  { model, training, batching }: Experiment<Batch>,
  weights: NamedArrays,
): Promise<NamedArrays> {
  if (!model.statistics) return weights;
  const { parameters, buffers } = splitFor("edit", model, weights);
  const [trained, old] = [toTensors(parameters), toTensors(buffers)];
  try {
    const recomputed = await recalibrate(model, trained, old, training, batching);
    try {
      return new Map([...parameters, ...(await toArrays(recomputed))]);
    } finally {
      disposeParameters(recomputed);
    }
  } finally {
    disposeParameters(trained);
    disposeParameters(old);
  }
}

/** A model's initial parameters and buffers; a function of the seed. */
export function initialisation<Batch>(model: Model<Batch>, seed: number): StateDict {
  return { parameters: model.init(seed), buffers: model.initBuffers(seed) };
}

/** `splitStateDict` with the place in its errors. */
export function splitFor<Batch>(place: string, model: Model<Batch>, weights: NamedArrays): StateDict {
  try {
    return splitStateDict(model, weights);
  } catch (error) {
    throw error instanceof DataError ? new DataError(`${place}: ${messageOf(error)}`) : error;
  }
}

/**
 * The tensors of a start; `disposeState` frees them.
 * @param memory of the optimiser; default fresh
 * @throws DataError, and leaves no tensor, if memory or masks do not fit
 */
export function stateOf(
  place: string,
  { parameters: host, buffers }: StateDict,
  optimiser: Optimiser,
  { memory, masks }: Pick<Start, "memory" | "masks"> = {},
): TrainingState {
  checkMasks(place, host, masks);
  const parameters = toTensors(maskArrays(host, masks));
  const fresh = optimiser.init(parameters);
  try {
    const state = memory ? remembered(place, memory, fresh) : fresh;
    return { parameters, buffers: toTensors(buffers), optimiser: state };
  } catch (error) {
    disposeParameters(parameters);
    throw error;
  }
}

/** The tensors of an optimiser's memory, in place of a fresh one, which is freed. */
function remembered(
  place: string,
  memory: NonNullable<Start["memory"]>,
  fresh: OptimiserState,
): OptimiserState {
  const expected = [...fresh.slots].map(([name, { shape }]) => `${name} [${shape}]`);
  const names = [...fresh.slots.keys()];
  disposeParameters(fresh.slots);
  const found = [...memory.slots].map(([name, { shape }]) => `${name} [${shape}]`);
  const [missing, unknown] = [without(expected, found), without(found, expected)];
  if (missing.length > 0 || unknown.length > 0) {
    throw new DataError(
      `${place}: the optimiser's memory lacks (${missing.join(", ")}), has also (${unknown.join(", ")})`,
    );
  }
  const slots = new Map(names.map((name) => [name, memory.slots.get(name)!]));
  return { count: memory.count, slots: toTensors(slots) };
}

function without(values: readonly string[], others: readonly string[]): string[] {
  const known = new Set(others);
  return values.filter((value) => !known.has(value));
}
