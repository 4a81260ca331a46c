import type { NdArray } from "../core/array.js";
import type { TensorInfo } from "./safetensors-header.js";

/** A tensor of a file. */
export interface FileTensor extends TensorInfo {
  /** Why its numbers are not read, where they could be: they are another tensor's, or not the model's. */
  readonly leftOut?: string;
}

/** A file of tensors, of which the list is known and the numbers are read later. */
export interface TensorFile {
  /** In the order of the file. */
  readonly tensors: readonly FileTensor[];
  /** @throws DataError if it cannot be read, or was changed */
  open(): TensorReader;
}

/** An open file of tensors; `close` it afterwards. */
export interface TensorReader {
  /** `count` elements of a tensor in row-major order, from element `from` on, converted as `readSafetensors` does. @throws DataError */
  readPart(name: string, from: number, count: number): NdArray["data"];
  close(): void;
}
