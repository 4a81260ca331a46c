import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { read } from "../backend/read.js";
import type { NamedArrays, NdArray } from "../core/array.js";
import { SpectralError } from "../core/errors.js";
import type { Parameters } from "./model.js";

/** Copies host arrays to the backend: F32 to float32 tensors, I32 to int32. The caller disposes the tensors. */
export function toTensors(arrays: NamedArrays): Map<string, tf.Tensor> {
  return new Map([...arrays].map(([name, array]) => [name, toTensor(array, name)]));
}

function toTensor({ dtype, shape, data }: NdArray, name: string): tf.Tensor {
  if (dtype === "F32") return tf.tensor(data as Float32Array, [...shape], "float32");
  if (dtype === "I32") return tf.tensor(data as Int32Array, [...shape], "int32");
  throw new SpectralError(`toTensors: "${name}" must be F32 or I32, found ${dtype}`);
}

/** Copies tensors to the host; float32 becomes F32, int32 becomes I32. @throws BackendError as `read` */
export async function toArrays(tensors: Parameters): Promise<Map<string, NdArray>> {
  const arrays = [...tensors].map(async ([name, tensor]): Promise<[string, NdArray]> => {
    const dtype = tensor.dtype === "int32" ? "I32" : "F32";
    return [name, { dtype, shape: tensor.shape, data: (await read(tensor)) as Float32Array | Int32Array }];
  });
  return new Map(await Promise.all(arrays));
}

/** New tensors from old ones, name by name: the one way in which weights are edited (pruned, masked, interpolated). */
export function mapParameters(
  parameters: Parameters,
  change: (tensor: tf.Tensor, name: string) => tf.Tensor,
): Map<string, tf.Tensor> {
  return new Map([...parameters].map(([name, tensor]) => [name, tf.tidy(() => change(tensor, name))]));
}

/** Every tensor times one number. */
export function scaled(tensors: Parameters, factor: tf.Scalar): Map<string, tf.Tensor> {
  const all = [...tensors.values()];
  return renamed(tensors, fused().scale?.(all, factor) ?? all.map((tensor) => tf.mul(tensor, factor)));
}

/** Sums of the tensors of two maps that have the same name. */
export function added(a: Parameters, b: Parameters): Map<string, tf.Tensor> {
  const left = [...a.values()];
  const right = [...a.keys()].map((name) => get(b, name));
  return renamed(a, fused().add?.(left, right) ?? left.map((tensor, i) => tf.add(tensor, right[i])));
}

function renamed(like: Parameters, tensors: readonly tf.Tensor[]): Map<string, tf.Tensor> {
  return new Map([...like.keys()].map((name, i) => [name, tensors[i]]));
}

/** Frees all tensors of a map. */
export function disposeParameters(parameters: Parameters): void {
  parameters.forEach((tensor) => tensor.dispose());
}

/** The tensor called `name`. @throws SpectralError naming it if there is none */
export function get<T extends tf.Tensor = tf.Tensor>(parameters: Parameters, name: string): T {
  const tensor = parameters.get(name);
  if (!tensor)
    throw new SpectralError(`no parameter "${name}" (there are ${[...parameters.keys()].join(", ")})`);
  return tensor as T;
}
