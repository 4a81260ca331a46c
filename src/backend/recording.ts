import type { Tensor } from "@tensorflow/tfjs";

/** What a step does on a device, kept so that it can be done again without the JavaScript that composed it. */
export interface Recording {
  /** One line for each dispatch and copy: program, grid, bytes of its buffers. */
  print(): string;
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
   * what is replayed finds its buffers free; what it returns lies there too, and is the same memory after each replay.
   */
  record<T>(action: () => T): { readonly result: T; readonly recording: Recording };
  /** Why replaying one recording would not do what made the other; undefined where it would. */
  difference(one: Recording, other: Recording): string | undefined;
  /** Does again what was recorded, on what home tensors hold now. */
  replay(recording: Recording): void;
}
