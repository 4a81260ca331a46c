import type { DataId, KernelBackend, TensorInfo, TypedArray } from "@tensorflow/tfjs";

/**
 * What we use of the WASM backend's class. Views of the heap die when it grows: make outputs first, then take views.
 */
export interface WasmHeap extends KernelBackend {
  makeOutput(shape: readonly number[], dtype: TensorInfo["dtype"]): TensorInfo;
  typedArrayFromHeap(tensor: TensorInfo): TypedArray;
  readonly dataIdMap: { get(dataId: DataId): { readonly memoryOffset: number } };
  /** The Emscripten module. */
  readonly wasm: { readonly asm: Readonly<Record<string, unknown>> };
}

/** The backend that a kernel function is given, as the WASM backend that it is. */
export function asWasm(backend: unknown): WasmHeap {
  return backend as WasmHeap;
}

/** Where a tensor's elements begin on the heap, in bytes. Stays valid when the heap grows. */
export function address(heap: WasmHeap, tensor: TensorInfo): number {
  return heap.dataIdMap.get(tensor.dataId).memoryOffset;
}
