import type { RecordedCommand, Recording } from "../recording.js";
import type { PooledBuffer } from "./pool.js";
import type { Grid } from "./shader.js";

/** One dispatch, or one copy from the start of a buffer to the start of another. */
export type Command =
  | {
      readonly kind: "dispatch";
      readonly program: string;
      readonly pipeline: GPUComputePipeline;
      /** Serial of the uniform buffer: equal for equal content. */
      readonly uniform: number;
      readonly group: GPUBindGroup;
      readonly buffers: readonly PooledBuffer[];
      readonly grid: Grid;
      readonly offsets?: readonly number[];
    }
  | {
      readonly kind: "copy";
      readonly buffers: readonly [from: PooledBuffer, to: PooledBuffer];
      readonly bytes: number;
    };

/** Bytes from the host that were written to a buffer of the recording's own. */
export interface HostWrite {
  readonly buffer: PooledBuffer;
  readonly content: Uint32Array;
}

/** The commands of one step in order, and what they read that the step itself wrote from the host. */
export class WebGpuRecording implements Recording {
  readonly commands: Command[] = [];
  readonly writes: HostWrite[] = [];
  /** What happened that cannot be recorded. */
  problem: string | undefined;

  constructor(private readonly release: (buffer: PooledBuffer) => void) {}

  list(): RecordedCommand[] {
    return this.commands.map((command) => ({
      ...(command.kind === "copy" ? { program: "copy" } : { program: command.program, grid: command.grid }),
      buffers: command.buffers.map(({ serial, bytes }) => ({ buffer: serial, bytes })),
    }));
  }

  dispose(): void {
    this.writes.forEach(({ buffer }) => this.release(buffer));
    this.writes.length = 0;
    this.commands.length = 0;
  }
}

/**
 * Where two recordings of one step differ; undefined if they are the same commands on the same memory, but for the buffers
 * that each wrote for itself, with the same content.
 */
export function differenceOf(a: WebGpuRecording, b: WebGpuRecording): string | undefined {
  const problem = a.problem ?? b.problem;
  if (problem !== undefined) return problem;
  if (a.commands.length !== b.commands.length)
    return `one step has ${a.commands.length} commands, the next ${b.commands.length}`;
  if (a.writes.length !== b.writes.length)
    return `one step writes ${a.writes.length} arrays, the next ${b.writes.length}`;
  const written = new Map<PooledBuffer, PooledBuffer>();
  for (const [i, { buffer, content }] of a.writes.entries()) {
    const other = b.writes[i];
    if (content.length !== other.content.length || content.some((word, k) => word !== other.content[k]))
      return `step by step other numbers are written from the host (array ${i} of ${content.length})`;
    written.set(buffer, other.buffer);
  }
  const changed = a.commands.findIndex((command, i) => !equal(command, b.commands[i], written));
  if (changed < 0) return undefined;
  const command = a.commands[changed];
  return `command ${changed} (${command.kind === "copy" ? "copy" : command.program}) differs from step to step`;
}

function equal(a: Command, b: Command, written: ReadonlyMap<PooledBuffer, PooledBuffer>): boolean {
  const sameBuffers =
    a.buffers.length === b.buffers.length &&
    a.buffers.every((buffer, i) => (written.get(buffer) ?? buffer) === b.buffers[i]);
  if (!sameBuffers) return false;
  if (a.kind === "copy") return b.kind === "copy" && a.bytes === b.bytes;
  return (
    b.kind === "dispatch" &&
    a.pipeline === b.pipeline &&
    a.uniform === b.uniform &&
    a.grid.join() === b.grid.join() &&
    a.offsets?.join() === b.offsets?.join()
  );
}
