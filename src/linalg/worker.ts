/** The thread of an `SvdPool`: decomposes the matrices of a message, and answers one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { SpectrumError } from "../core/errors.js";
import { openEngine, type EngineOptions } from "./engine.js";
import type { CheckedRequest, Matrix, Svd } from "./svd.js";
import type { Kernel } from "./wasm-engine.js";

/** What a worker is started with. */
export interface WorkerSetup {
  readonly options: EngineOptions;
  readonly kernel: Kernel;
}

export interface WorkerTask {
  readonly matrix: Matrix;
  readonly request: CheckedRequest;
}

/** The first message of a worker. */
export interface WorkerGreeting {
  readonly engine: string;
}

/** An Error's class does not survive the way between threads; `spectrum` tells whether it was a SpectrumError. */
export type WorkerResult = { readonly svd: Svd } | { readonly message: string; readonly spectrum: boolean };

if (parentPort !== null) serve(parentPort, workerData as WorkerSetup);

function serve(port: NonNullable<typeof parentPort>, { options, kernel }: WorkerSetup): void {
  const engine = openEngine(options, kernel);
  port.postMessage({ engine: engine.description } satisfies WorkerGreeting);
  port.on("message", (tasks: readonly WorkerTask[]) => {
    for (const { matrix, request } of tasks) {
      try {
        const svd = engine.decompose(matrix, request);
        const buffers = [svd.s, svd.U, svd.Vt].flatMap((part) => (part ? [part.buffer as ArrayBuffer] : []));
        port.postMessage({ svd } satisfies WorkerResult, buffers);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        port.postMessage({ message, spectrum: error instanceof SpectrumError } satisfies WorkerResult);
      }
    }
  });
}
