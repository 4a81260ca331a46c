import type { FusedOps } from "./fused.js";
import type { Recorder } from "./recording.js";

/** What `SPECTRAL_BACKEND` may name, in order of preference. */
export const backendNames = ["tensorflow-gpu", "webgpu", "tensorflow", "wasm", "js"] as const;
export type BackendName = (typeof backendNames)[number];

/** Memory in use now. */
export interface BackendMemory {
  /** Live tensors. */
  readonly tensors: number;
  /** Bytes of live tensors. */
  readonly bytes: number;
  /** Bytes that the backend holds on its device, free pool included; absent where it cannot tell. */
  readonly deviceBytes?: number;
}

/** A started TensorFlow.js backend and what it can say of itself. */
export interface Backend {
  readonly name: BackendName;
  /** The machine part that computes: "NVIDIA H100 80GB HBM3", "CPU". */
  readonly device: string;
  /** One line for people: backend, device and anything unusual about this start. */
  readonly description: string;
  /** Versions of the packages and drivers involved. */
  readonly versions: Readonly<Record<string, string>>;
  /** Single-kernel versions of composed operations. */
  readonly fused: FusedOps;
  /** Records steps for replaying; absent where the backend cannot. */
  readonly recorder?: Recorder;
  /** Its name within TensorFlow.js. */
  readonly engineName: string;
  memory(): BackendMemory;
  /** @throws BackendError if the device has failed since it was started: what it computed since is not to be trusted. */
  checkDevice(): void;
  /** Waits for everything that was asked of the device, then `checkDevice`. @throws BackendError */
  settle(): Promise<void>;
  /** Frees the device and all tensors on it; the backend must be started anew before further use. */
  dispose(): void;
}
