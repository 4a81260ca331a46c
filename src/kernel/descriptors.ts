import { ftruncateSync, readSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { StreamName } from "./output.js";

/** Descriptors of the kernel's process, as the launcher opens them. */
const CAPTURED = { stdout: 1, stderr: 2 } as const;
/** The launcher's own stderr. */
export const LOG = 3;
const POSITIONS = 4;
/** Tells the kernel's process that its descriptors are so. */
export const CAPTURED_FLAG = "--captured";

const CHUNK_BYTES = 65_536;
/** A file that nobody has written to lately is emptied above the first size, and any other above the second. */
const EMPTY_BYTES = 2 ** 20;
const ALWAYS_EMPTY_BYTES = 2 ** 28;
const QUIET_MS = 500;
/** Most that is shown of what was written between two looks. */
const LIMIT_BYTES = 2 ** 26;

/** What child processes, `fs.writeSync(1, ...)` and native code wrote to descriptors 1 and 2, read back from their files. */
export class Descriptors {
  readonly #files = (["stdout", "stderr"] as const).map((name) => new Captured(name, CAPTURED[name]));

  constructor(private readonly write: (name: StreamName, text: string) => void) {}

  /** Hands on what has been written since the last time. */
  drain(): void {
    let found = false;
    for (const file of this.#files) found = file.drain((text) => this.write(file.name, text)) || found;
    if (found) writeSync(POSITIONS, new Float64Array(this.#files.map(({ position }) => position)), 0, 16, 0);
  }
}

class Captured {
  position = 0;
  #lastFound = 0;
  #decoder = new StringDecoder("utf8");
  readonly #buffer = Buffer.alloc(CHUNK_BYTES);

  constructor(
    readonly name: StreamName,
    private readonly descriptor: number,
  ) {}

  /** @returns whether there was anything */
  drain(write: (text: string) => void): boolean {
    const start = this.position;
    let left = 0;
    for (let count = this.#read(); count > 0; count = this.#read()) {
      this.position += count;
      if (this.position - start > LIMIT_BYTES) left += count;
      else write(this.#decoder.write(this.#buffer.subarray(0, count)));
    }
    if (left > 0)
      write(`\n[${left} bytes left out: a process wrote more than ${LIMIT_BYTES} bytes at a time]\n`);
    const found = this.position > start;
    if (found) this.#lastFound = performance.now();
    const quiet = !found && performance.now() - this.#lastFound > QUIET_MS;
    return this.#empty(quiet ? EMPTY_BYTES : ALWAYS_EMPTY_BYTES) || found;
  }

  #read(): number {
    try {
      return readSync(this.descriptor, this.#buffer, 0, CHUNK_BYTES, this.position);
    } catch {
      return 0; // a cell has closed the descriptor
    }
  }

  /** Those who write append, so that they go on from the start. */
  #empty(above: number): boolean {
    if (this.position <= above) return false;
    try {
      ftruncateSync(this.descriptor, 0);
      this.position = 0;
    } catch {
      return false; // closed by a cell
    }
    return true;
  }
}

/** How far a kernel has read its two files. */
export function readPositions(file: number): [stdout: number, stderr: number] {
  const positions = new Float64Array(2);
  readSync(file, positions, 0, 16, 0);
  return [positions[0]!, positions[1]!];
}
