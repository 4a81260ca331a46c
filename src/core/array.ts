/** Element types that the laboratory stores; the names are safetensors'. */
export type DType = "F32" | "F64" | "I32" | "I64" | "U8" | "BOOL";

/** A dense row-major array on the host. `I64` data are BigInt64Array, `BOOL` data are 0/1 bytes. */
export interface NdArray {
  readonly dtype: DType;
  /** Sizes, outermost first; `[]` is a scalar. */
  readonly shape: readonly number[];
  /** Row-major elements; length = product of `shape`. */
  readonly data: Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;
}

/** Arrays under names, in a fixed order: a checkpoint, a set of initial parameters, the arrays of one step. */
export type NamedArrays = ReadonlyMap<string, NdArray>;

/** Number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  if (shape.includes(0)) return 0; // also where the product of the others is infinite
  return shape.reduce((product, size) => product * size, 1);
}

/** A float32 array. @throws RangeError if `data` does not fill `shape`. */
export function float32(shape: readonly number[], data: Float32Array): NdArray {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`float32: shape [${shape}] holds ${sizeOf(shape)} numbers, found ${data.length}`);
  }
  return { dtype: "F32", shape, data };
}
