import type { DataTypeMap, NumericDataType, Tensor } from "@tensorflow/tfjs";
import { BackendError, messageOf } from "../core/errors.js";
import { chosenBackend } from "./chosen.js";

/**
 * Copies a tensor to the host: the only way in which the laboratory reads tensors. Asynchronous, because a GPU cannot
 * be read otherwise; and errors of the device, which TensorFlow.js would turn into zeros, surface here.
 * @param tensor any numeric tensor; neither changed nor disposed
 * @returns its elements, row-major: Float32Array, Int32Array, or Uint8Array for booleans
 * @throws BackendError if the device reported an error or was lost since the backend was started
 */
export async function read(tensor: Tensor): Promise<DataTypeMap[NumericDataType]> {
  const backend = chosenBackend();
  backend?.checkDevice();
  let data: DataTypeMap[NumericDataType];
  try {
    data = await tensor.data<NumericDataType>();
  } catch (error) {
    backend?.checkDevice();
    throw new BackendError(`read: a tensor of shape [${tensor.shape}] cannot be read: ${messageOf(error)}`);
  }
  backend?.checkDevice();
  // Some backends cast integers to floats in name only.
  return tensor.dtype === "float32" && !(data instanceof Float32Array) ? Float32Array.from(data) : data;
}

/** Reads a tensor of one element. @throws BackendError as `read`; RangeError if the tensor has more elements. */
export async function readScalar(tensor: Tensor): Promise<number> {
  if (tensor.size !== 1)
    throw new RangeError(`readScalar: expected one element, found shape [${tensor.shape}]`);
  return (await read(tensor))[0];
}
