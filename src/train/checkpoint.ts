import type { NamedArrays } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { toArrays } from "../nn/parameters.js";
import type { Checkpoint } from "../store/checkpoints.js";
import type { Metadata, Safetensors } from "../store/safetensors.js";
import type { NormCourse } from "./norm-course.js";
import type { TrainingState } from "./step.js";

/** The mean training loss since the last measurement, carried across an interruption so that no row changes. */
export interface RunningLoss {
  sum: number;
  count: number;
}

/**
 * Where training begins, if not at an initialisation: at any step, from any weights. Host arrays, which training copies.
 * All but step, weights and masks are what makes a branch go on exactly as the run that it is taken from.
 */
export interface Start {
  /** Updates made before: where the schedule, the epochs and the order of examples stand. */
  readonly step: number;
  /** Parameters and buffers under PyTorch's names. */
  readonly weights: NamedArrays;
  /** The optimiser's moments and the updates that they have seen. Default fresh ones, with count 0. */
  readonly memory?: { readonly count: number; readonly slots: NamedArrays };
  /** Losses of the steps since the last measurement. Default none. */
  readonly running?: Readonly<RunningLoss>;
  /** 0/1 by parameter name: weights that stay at exactly 0 from the first batch on. */
  readonly masks?: NamedArrays;
  /** Norms that matrices are held at after every update. */
  readonly norms?: NormCourse;
  /** The step at which training stops early because the experiment's goal was met before this step. */
  readonly end?: number;
}

const OPTIMISER = "optimiser."; // no PyTorch module of ours is called that

/** Parameters and buffers on the host, under PyTorch's names: what `load_state_dict(strict=True)` takes. */
export async function weightsOf({ parameters, buffers }: TrainingState): Promise<NamedArrays> {
  return new Map([...(await toArrays(parameters)), ...(await toArrays(buffers))]);
}

/**
 * What training remembers besides the weights: the optimiser's slots, and metadata for the file's header.
 * @param end the step at which the run stops early, if that is known by now
 */
export async function packMemory(
  { optimiser }: TrainingState,
  running: RunningLoss,
  end?: number,
): Promise<Safetensors> {
  const metadata: Metadata = {
    optimiserCount: String(optimiser.count),
    runningSum: String(running.sum), // shortest text that reads back as the same double
    runningCount: String(running.count),
    ...(end !== undefined && { end: String(end) }),
  };
  return { arrays: await toArrays(optimiser.slots), metadata };
}

/**
 * The memory that `packMemory` packed.
 * @param source what errors call it, usually a path
 * @throws DataError if a number is missing from the metadata
 */
export function unpackMemory(
  source: string,
  { arrays: slots, metadata }: Safetensors,
): Required<Pick<Start, "memory" | "running">> & Pick<Start, "end"> {
  const field = (name: string, form: RegExp): number => {
    const found = metadata[name] ?? "none";
    if (form.test(found) && Number.isFinite(Number(found))) return Number(found);
    throw new DataError(`${source}: expected a number "${name}" as metadata, found ${printable(found, 80)}`);
  };
  const count = (name: string): number => field(name, /^\d{1,15}$/);
  return {
    memory: { count: count("optimiserCount"), slots },
    running: { sum: field("runningSum", /^-?\d[\d.e+-]*$/), count: count("runningCount") },
    ...(metadata.end !== undefined && { end: count("end") }),
  };
}

/** Everything that training needs to go on as if it had never stopped: weights and memory in one. */
export async function packState(state: TrainingState, running: RunningLoss): Promise<Safetensors> {
  const { arrays, metadata } = await packMemory(state, running);
  const slots = [...arrays].map(([name, array]) => [OPTIMISER + name, array] as const);
  return { arrays: new Map([...(await weightsOf(state)), ...slots]), metadata };
}

/** What a checkpoint of `packState` holds. @throws DataError as `unpackMemory` */
export function unpackState({ path, step, arrays, metadata }: Checkpoint): Start {
  const [weights, slots] = [new Map(arrays), new Map()];
  for (const [name, array] of arrays) {
    if (!name.startsWith(OPTIMISER)) continue;
    slots.set(name.slice(OPTIMISER.length), array);
    weights.delete(name);
  }
  return { step, weights, ...unpackMemory(path, { arrays: slots, metadata }) };
}
