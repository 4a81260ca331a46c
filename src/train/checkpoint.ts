import type { NamedArrays } from "../core/array.js";
import { StoreError } from "../core/errors.js";
import { toArrays, toTensors } from "../nn/parameters.js";
import type { TrainingState } from "./step.js";

/** The mean training loss since the last measurement, carried across an interruption so that no row changes. */
export interface RunningLoss {
  sum: number;
  count: number;
}

/** What a resumed run starts from. */
export interface Resumed {
  readonly step: number;
  readonly state: TrainingState;
  readonly running: RunningLoss;
}

const OPTIMISER = "optimiser."; // no PyTorch module of ours is called that

/** Parameters and buffers on the host, under PyTorch's names: what `load_state_dict(strict=True)` takes. */
export async function weightsOf({ parameters, buffers }: TrainingState): Promise<NamedArrays> {
  return new Map([...(await toArrays(parameters)), ...(await toArrays(buffers))]);
}

/** Everything that training needs to go on as if it had never stopped: arrays, and metadata for the file's header. */
export async function packState(
  state: TrainingState,
  running: RunningLoss,
): Promise<{ arrays: NamedArrays; metadata: Record<string, string> }> {
  const slots = [...(await toArrays(state.optimiser.slots))];
  return {
    arrays: new Map([
      ...(await weightsOf(state)),
      ...slots.map(([name, array]) => [OPTIMISER + name, array] as const),
    ]),
    metadata: {
      optimiserStep: String(state.optimiser.step),
      runningSum: String(running.sum), // shortest text that reads back as the same double
      runningCount: String(running.count),
    },
  };
}

/**
 * The state that `packState` packed.
 * @param like names of the parameters and buffers that must be there
 * @throws StoreError if a name is missing: the checkpoint belongs to another model
 */
export function unpackState(
  source: string,
  step: number,
  packed: { readonly arrays: NamedArrays; readonly metadata: Readonly<Record<string, string>> },
  like: { readonly parameters: Iterable<string>; readonly buffers: Iterable<string> },
): Resumed {
  const pick = (names: Iterable<string>): NamedArrays =>
    new Map(
      [...names].map((name) => {
        const array = packed.arrays.get(name);
        if (!array)
          throw new StoreError(
            `${source}: expected an array "${name}", found none: not a checkpoint of this model`,
          );
        return [name, array] as const;
      }),
    );
  const slots = [...packed.arrays]
    .filter(([name]) => name.startsWith(OPTIMISER))
    .map(([name, array]) => [name.slice(OPTIMISER.length), array] as const);
  return {
    step,
    state: {
      parameters: toTensors(pick(like.parameters)),
      buffers: toTensors(pick(like.buffers)),
      optimiser: { step: Number(packed.metadata.optimiserStep), slots: toTensors(new Map(slots)) },
    },
    running: { sum: Number(packed.metadata.runningSum), count: Number(packed.metadata.runningCount) },
  };
}
