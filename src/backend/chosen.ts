import type { Backend, BackendName } from "./backend.js";
import type { FusedOps } from "./fused.js";

/** The backends that run, and the one that computes now: the one piece of module state, kept by `startBackend`. */
const state: { chosen?: Backend; readonly started: Map<BackendName, Backend> } = { started: new Map() };

const none: FusedOps = {};

/** The backend that `startBackend` chose; undefined before. */
export function chosenBackend(): Backend | undefined {
  return state.chosen;
}

/** A backend that runs, chosen or not. */
export function startedBackend(name: string): Backend | undefined {
  return state.started.get(name as BackendName);
}

/** Records that `backend` runs and is the chosen one. For `startBackend`. */
export function choose(backend: Backend): void {
  state.started.set(backend.name, backend);
  state.chosen = backend;
}

/** Records that `backend` runs no more. For `startBackend`. */
export function forget(backend: Backend): void {
  state.started.delete(backend.name);
  if (state.chosen === backend) state.chosen = undefined;
}

/** The fused operations of the chosen backend; none before a backend was started. */
export function fused(): FusedOps {
  return state.chosen?.fused ?? none;
}
