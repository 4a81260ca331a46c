import { BackendError } from "../../core/errors.js";
import type { DataId, KernelBackend, TensorInfo, TypedArray } from "@tensorflow/tfjs";

/**
 * What we use of the WASM backend's class. Views of the heap die when it grows: make outputs first, then take views.
 */
export interface WasmHeap extends KernelBackend {
  makeOutput(shape: readonly number[], dtype: TensorInfo["dtype"]): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): TypedArray;
  readonly dataIdMap: { get(dataId: DataId): { readonly memoryOffset: number } };
  /** The Emscripten module. */
  readonly wasm: {
    readonly asm: Readonly<Record<string, unknown>>;
    /** Address of so many bytes, 0 where there is no room. */
    _malloc(bytes: number): number;
    _free(address: number): void;
  };
}

/** The backend that a kernel function is given, as the WASM backend that it is. */
export function asWasm(backend: unknown): WasmHeap {
  return backend as WasmHeap;
}

/** Makes allocations for which there is no room errors; the stock backend goes on and writes over what lies at 0. */
export function reportExhaustion(heap: WasmHeap): void {
  const { wasm } = heap;
  wasm._free(wasm._malloc(1)); // the first call puts the function itself in its place
  const allocate = wasm._malloc;
  wasm._malloc = (bytes) => {
    const place = allocate(bytes);
    if (place !== 0) return place;
    throw new BackendError(
      `backend "wasm": no room for a tensor of ${bytes} bytes in the 4 GiB that WebAssembly has; take smaller batches`,
    );
  };
}

/** Where a tensor's elements begin on the heap, in bytes. Stays valid when the heap grows. */
export function address(heap: WasmHeap, tensor: TensorInfo): number {
  return heap.dataIdMap.get(tensor.dataId).memoryOffset;
}
