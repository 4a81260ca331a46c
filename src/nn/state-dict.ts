import { sizeOf, type NamedArrays, type NdArray } from "../core/array.js";
import { DataError } from "../core/errors.js";
import type { Model } from "./model.js";

/** What a PyTorch `state_dict` holds, apart: what is trained and what is not. */
export interface StateDict {
  readonly parameters: NamedArrays;
  readonly buffers: NamedArrays;
}

/** Batch counters of PyTorch's normalisation layers: it keeps them and, with a fixed momentum, does not use them. */
const COUNTERS = /\.num_batches_tracked$/;

/**
 * Splits a state dict, as PyTorch saves it, into a model's parameters and buffers, in the model's order. Counters of
 * batches are dropped; `load_state_dict(strict=True)` does without them. The other way, parameters and buffers together
 * are a state dict.
 * @param arrays under PyTorch's names, F32 or F64
 * @throws DataError naming the arrays that are missing, superfluous or of another shape
 */
export function splitStateDict<Batch>(model: Model<Batch>, arrays: NamedArrays): StateDict {
  const [parameters, buffers] = [model.init(0), model.initBuffers(0)];
  const expected = new Map([...parameters, ...buffers]);
  const missing = [...expected.keys()].filter((name) => !arrays.has(name));
  const unknown = [...arrays.keys()].filter((name) => !expected.has(name) && !COUNTERS.test(name));
  if (missing.length > 0 || unknown.length > 0) {
    throw new DataError(
      `${model.name}: state dict lacks [${missing.join(", ")}], has also [${unknown.join(", ")}]`,
    );
  }
  const pick = (wanted: NamedArrays): NamedArrays =>
    new Map(
      [...wanted].map(([name, like]) => [name, fitting(model.name, name, arrays.get(name)!, like.shape)]),
    );
  return { parameters: pick(parameters), buffers: pick(buffers) };
}

function fitting(model: string, name: string, found: NdArray, shape: readonly number[]): NdArray {
  const same = found.shape.length === shape.length && shape.every((size, i) => found.shape[i] === size);
  const real = found.dtype === "F32" || found.dtype === "F64";
  if (!same || !real || found.data.length !== sizeOf(shape)) {
    const is = `${found.dtype} [${found.shape}]`;
    throw new DataError(
      `${model}: "${name}": expected floating-point numbers of shape [${shape}], found ${is}`,
    );
  }
  return found.dtype === "F32"
    ? found
    : { dtype: "F32", shape, data: Float32Array.from(found.data as Float64Array) };
}
