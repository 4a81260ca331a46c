import { writeSync } from "node:fs";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { codeOf, reasonOf } from "../core/files/io-error.js";
import { STOPPED_BY } from "./stop.js";

/** Why what a command prints does not arrive. */
export interface OutputFailure {
  /** "standard output: the disk is full (ENOSPC)" */
  readonly message: string;
  /** Its reader has ended, as `head` does: no fault. */
  readonly unread: boolean;
  /** The exit status where nothing else failed. */
  readonly status: number;
}

/** The standard output, watched. */
export interface Output {
  /** Why something that was printed did not arrive; undefined: all of it did so far. */
  readonly failure: OutputFailure | undefined;
  /** Waits until all that was printed has arrived, or failed to. */
  flush(): Promise<void>;
}

/**
 * Watches the standard output, so that what cannot be written is noticed, and is no crash. What the standard error
 * stream does not take is dropped: there is nowhere else to say so.
 * @param onFailure told of the first failure
 */
export function watchOutput(onFailure: (failure: OutputFailure) => void): Output {
  let failure: OutputFailure | undefined;
  const fail = (error: Error): void => {
    if (failure) return;
    failure = failureOf(error);
    onFailure(failure);
  };
  process.stdout.on("error", fail);
  process.stderr.on("error", () => undefined);
  writeWhole(process.stdout);
  writeWhole(process.stderr);
  const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((done) => stream.write("", () => setImmediate(done))); // an error is told after the write has returned
  return {
    get failure() {
      return failure;
    },
    async flush() {
      await flushed(process.stdout);
      await flushed(process.stderr);
    },
  };
}

function failureOf(error: Error): OutputFailure {
  const code = codeOf(error);
  const unread = code === "EPIPE" || code === "ECONNRESET";
  const reason = unread ? `nobody reads it any more (${code})` : reasonOf(error);
  return { message: `standard output: ${reason}`, unread, status: unread ? STOPPED_BY.SIGPIPE : 1 };
}

/** Node writes to a file once, and does not look how much of it was taken: a disk that becomes full takes a part. */
function writeWhole(stream: Writable & { readonly fd: number }): void {
  if (stream instanceof Socket) return; // terminals and pipes
  stream._write = (chunk: Uint8Array, _encoding, done) => {
    try {
      for (let from = 0; from < chunk.length;) from += writeSync(stream.fd, chunk, from);
      done();
    } catch (error) {
      done(error as Error);
    }
  };
}
