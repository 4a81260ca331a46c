import { startBackend } from "spectral-lab/backend/start";
import { messageOf } from "spectral-lab/core/errors";

/** Backends beside plain JavaScript that this machine can start, and why it cannot start the others. */
export async function availableBackends(): Promise<{ names: string[]; missing: Map<string, string> }> {
  const names: string[] = [];
  const missing = new Map<string, string>();
  for (const backend of ["tensorflow-gpu", "tensorflow", "webgpu", "wasm"]) {
    try {
      await startBackend({ backend });
      names.push(backend);
    } catch (error) {
      missing.set(backend, messageOf(error));
    }
  }
  return { names, missing };
}
