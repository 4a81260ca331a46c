import * as tf from "@tensorflow/tfjs";
import { BackendError, messageOf } from "../core/errors.js";
import { backendNames, type Backend, type BackendName } from "./backend.js";
import { choose, chosenBackend, forget, startedBackend } from "./chosen.js";
import { startJs } from "./js.js";
import { startTensorFlow } from "./tensorflow/start.js";
import { startWasm } from "./wasm/start.js";
import { startWebGpu } from "./webgpu/start.js";

/**
 * Starts the best TensorFlow.js backend of this machine, or the one asked for, and makes it the one that computes.
 * Order: native TensorFlow on a GPU, WebGPU on a real adapter, native TensorFlow on the CPU, WebAssembly, JavaScript.
 * Asking again returns the backend already started; asking for another name starts that one beside it, and tensors must
 * not be carried from one to the other. Prints nothing.
 * @param options.backend a backend's name; default the environment variable SPECTRAL_BACKEND, else the order above
 * @throws BackendError if a backend was asked for by name and is unknown or cannot start: says what to do
 */
export async function startBackend(options: { backend?: string } = {}): Promise<Backend> {
  const asked = options.backend ?? (process.env.SPECTRAL_BACKEND || undefined);
  const running = asked === undefined ? chosenBackend() : startedBackend(asked);
  if (running) {
    await tf.setBackend(running.engineName);
    choose(running);
    return running;
  }
  tf.enableProdMode(); // silences the advertisement that the JavaScript backend prints
  const backend = forgotten(asked === undefined ? await startFirst() : await startNamed(asked));
  choose(backend);
  return backend;
}

const starters: Record<BackendName, (asked: boolean) => Promise<Backend>> = {
  "tensorflow-gpu": () => startTensorFlow({ gpu: true }),
  webgpu: (asked) => startWebGpu({ software: asked }),
  tensorflow: () => startTensorFlow({ gpu: false }),
  wasm: startWasm,
  js: startJs,
};

function startNamed(name: string): Promise<Backend> {
  if (!(backendNames as readonly string[]).includes(name)) {
    throw new BackendError(`unknown backend "${name}"; expected one of ${backendNames.join(", ")}`);
  }
  return starters[name as BackendName](true);
}

async function startFirst(): Promise<Backend> {
  const failures: string[] = [];
  for (const name of backendNames) {
    try {
      return await starters[name](false);
    } catch (error) {
      failures.push(messageOf(error));
    }
  }
  throw new BackendError(`no backend started:\n${failures.join("\n")}`);
}

/** A backend that is no longer counted as running once disposed of. */
function forgotten(backend: Backend): Backend {
  const watched: Backend = {
    ...backend,
    dispose() {
      forget(watched);
      backend.dispose();
    },
  };
  return watched;
}
