import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { BackendError, messageOf } from "../../core/errors.js";
import { type Blas, loadBlas } from "../../linalg/blas.js";
import type { Backend } from "../backend.js";
import { fusedOps } from "./fused.js";
import { asWasm, reportExhaustion } from "./heap.js";
import { loadKernel, memoryOf } from "./kernel.js";
import { ProductTeam } from "./product-team.js";
import { repairWasm } from "./repairs.js";

/**
 * Starts TensorFlow.js's WebAssembly backend (SIMD, one thread) with our repairs. Where a BLAS is found (SPECTRAL_LAPACK,
 * `loadLibrary`), matrix products and convolutions are computed by it, on all processors.
 * @throws BackendError if the WebAssembly module cannot be loaded
 */
export async function startWasm(): Promise<Backend> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  const root = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm/package.json"));
  const handlers = processHandlers();
  const first = !tf.findBackend("wasm");
  try {
    if (first) wasm.setWasmPaths(join(root, "dist/"));
    if (!(await tf.setBackend("wasm"))) throw new Error("the WebAssembly module did not start");
  } catch (error) {
    throw new BackendError(`backend "wasm": ${messageOf(error)}; reinstall with "npm ci"`);
  } finally {
    removeNewHandlers(handlers);
  }
  const heap = asWasm(tf.backend());
  const memory = memoryOf(heap);
  const kernel = loadKernel(memory);
  const { blas, problem } = findBlas();
  const team = blas && new ProductTeam(blas, memory);
  if (first) {
    repairWasm(kernel, team);
    reportExhaustion(heap);
  }
  return {
    name: "wasm",
    device: "CPU",
    description: `WebAssembly (SIMD) on one CPU core${blas ? `, products by ${blas.description}` : problem}`,
    versions: {
      tfjs: tf.version.tfjs,
      "tfjs-backend-wasm": wasm.version_wasm,
      ...(blas && { blas: blas.description }),
    },
    engineName: "wasm",
    fused: fusedOps(kernel, heap, team),
    memory: () => ({ tensors: tf.memory().numTensors, bytes: tf.memory().numBytes }),
    checkDevice: () => {},
    settle: async () => {},
    dispose() {
      void team?.close();
      tf.removeBackend("wasm");
    },
  };
}

/** The BLAS of this machine, else words on why one that was asked for is not used: WebAssembly does without. */
function findBlas(): { readonly blas?: Blas; readonly problem: string } {
  try {
    return { blas: loadBlas(), problem: "" };
  } catch (error) {
    const asked = process.env.SPECTRAL_LAPACK ?? "none";
    return { problem: asked === "none" ? "" : `; ${messageOf(error)}` };
  }
}

const events = ["uncaughtException", "unhandledRejection"] as const;
type Handlers = Map<string, ReadonlySet<unknown>>;

function processHandlers(): Handlers {
  return new Map(events.map((event) => [event, new Set<unknown>(process.listeners(event as "exit"))]));
}

/** Emscripten adds process-wide handlers that rethrow, which would end a notebook kernel at any cell's mistake. */
function removeNewHandlers(before: Handlers): void {
  for (const event of events) {
    for (const listener of process.listeners(event as "exit")) {
      if (!before.get(event)!.has(listener)) process.removeListener(event, listener);
    }
  }
}
