import type { Tensor } from "@tensorflow/tfjs";

/** One command of a recording, as data. */
export interface RecordedCommand {
  /** Name of the program that is dispatched; "copy" for a copy from one buffer to another. */
  readonly program: string;
  /** Workgroups along x, y, z; absent for a copy. */
  readonly grid?: readonly [number, number, number];
  /** The buffers that it reads and writes: equal numbers are the same memory. */
  readonly buffers: readonly { readonly buffer: number; readonly bytes: number }[];
}

/** What a step does on a device, kept so that it can be done again without the JavaScript that composed it. */
export interface Recording {
  /** What it does, in order. */
  list(): RecordedCommand[];
  /** Frees what only the recording holds. */
  dispose(): void;
}

/** A backend's means to record steps. Tensors that outlive a step ("home") are owned copies, written in place. */
export interface Recorder {
  /** A tensor with memory of its own that nothing else shares; its content is the given one's. */
  own<T extends Tensor>(tensor: T): T;
  /** Writes the content of one tensor into the memory of another, an owned one of the same shape and dtype. */
  assign(to: Tensor, from: Tensor): void;
  /** The same for many tensors that lie on the device, in few commands. */
  assignAll(pairs: readonly (readonly [to: Tensor, from: Tensor])[]): void;
  /**
   * Does what `action` does, and records it. Memory that it takes comes from a store that only recordings use, so that
   * what is replayed finds its buffers free: it leaves no tensors, and what it finds out it assigns to owned ones.
   */
  record(action: () => void): Recording;
  /** Why replaying one recording would not do what made the other; undefined where it would. */
  difference(one: Recording, other: Recording): string | undefined;
  /** Does again what was recorded, on what home tensors hold now. */
  replay(recording: Recording): void;
  /** The same, with what each program took on the device: dispatches and milliseconds. Undefined where it has no clock. */
  timePrograms(recording: Recording): Promise<ReadonlyMap<string, { count: number; ms: number }> | undefined>;
}
