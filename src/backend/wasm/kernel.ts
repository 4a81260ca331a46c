import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { BackendError } from "../../core/errors.js";
import { compileKernel } from "../../linalg/wasm-engine.js";
import type { WasmHeap } from "./heap.js";

type Kernels =
  | "adamw"
  | "exp"
  | "filterGradient"
  | "lstmBackward"
  | "lstmForward"
  | "maxPoolGradient"
  | "multiplyBatch"
  | "sgd"
  | "sumMiddle"
  | "sumSegments"
  | "tanh"
  | "transposeBatch";

/**
 * Our own kernels: they work on TensorFlow.js's heap, given counts, byte addresses and numbers in the order of the
 * parameters of the functions in src/backend/wasm/kernel, where each is described.
 */
export type Kernel = Readonly<Record<Kernels, (...parameters: number[]) => void>>;

/**
 * Instantiates our kernels on the memory of TensorFlow.js's WASM backend.
 * @throws BackendError if that memory is not where the pinned version has it
 */
export function loadKernel(heap: WasmHeap): Kernel {
  const memory = Object.values(heap.wasm.asm).find((value) => value instanceof WebAssembly.Memory);
  if (!memory) throw new BackendError('backend "wasm": this version of tfjs-backend-wasm hides its memory');
  const { module } = compileKernel(dirname(fileURLToPath(import.meta.url)), "kernel");
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernel;
}
