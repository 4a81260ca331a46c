import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { BackendError } from "../../core/errors.js";
import { compileKernel } from "../../linalg/wasm-engine.js";
import type { WasmHeap } from "./heap.js";

type Kernels =
  | "adamw"
  | "broadcast"
  | "causalSoftmax"
  | "causalSoftmaxGradient"
  | "columnMoments"
  | "exp"
  | "filterGradient"
  | "fold"
  | "lstmBackward"
  | "lstmForward"
  | "maxPoolGradient"
  | "multiplyBatch"
  | "normaliseColumns"
  | "normaliseColumnsGradient"
  | "normaliseRows"
  | "normaliseRowsGradient"
  | "sgd"
  | "sumMiddle"
  | "sumSegments"
  | "tanh"
  | "transpose"
  | "transposeBatch"
  | "unfold";

/**
 * Our own kernels: they work on TensorFlow.js's heap, given counts, byte addresses and numbers in the order of the
 * parameters of the functions in src/backend/wasm/kernel, where each is described.
 */
export type Kernel = Readonly<Record<Kernels, (...parameters: number[]) => void>>;

/**
 * The memory of TensorFlow.js's WASM backend.
 * @throws BackendError if it is not where the pinned version has it
 */
export function memoryOf(heap: WasmHeap): WebAssembly.Memory {
  const memory = Object.values(heap.wasm.asm).find((value) => value instanceof WebAssembly.Memory);
  if (!memory) throw new BackendError('backend "wasm": this version of tfjs-backend-wasm hides its memory');
  return memory;
}

/** Instantiates our kernels on that memory. */
export function loadKernel(memory: WebAssembly.Memory): Kernel {
  const { module } = compileKernel(dirname(fileURLToPath(import.meta.url)), "kernel");
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernel;
}
