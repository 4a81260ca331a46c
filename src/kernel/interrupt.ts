/**
 * How the kernel tells running code to stop.
 *
 * The kernel puts one object on `globalThis` under `Symbol.for("spectral-lab.interrupt")`:
 *
 *     { readonly signal: AbortSignal }
 *
 * Code that runs for long reads `signal` once when it starts, stops at the next step after it is aborted, saves what
 * it has, and throws. It throws `signal.reason`, an Error named "Interrupted", or an error of its own named
 * "Interrupted" with a better message ("stopped at step 1760, checkpoint saved; run the cell again to go on"):
 * either becomes the error output of the cell. Outside a kernel the object does not exist.
 *
 * The signal is aborted by an interrupt (SIGINT, or Jupyter's interrupt_request), and by an uncaught error anywhere
 * in the process, with that error as reason. A cell that has read the signal gets GRACE_MS to end by itself; another
 * cell, and any cell at the second interrupt, is ended at once. An aborted signal is replaced when the next cell
 * starts, so work that an earlier cell left running is stopped too.
 */
export const INTERRUPT = Symbol.for("spectral-lab.interrupt");

/** Time that a cell listening to the signal has to save its work, in milliseconds. */
export const GRACE_MS = 30_000;

/** The reason of an interrupt. */
export class Interrupted extends Error {
  override name = "Interrupted";
  constructor() {
    super("the cell was interrupted");
    this.stack = `${this.name}: ${this.message}`; // where the signal arrived says nothing
  }
}

/** Places in the shared state; each is 1 where it holds. */
export const STATE = {
  /** The running cell listens to the signal. */
  heard: 0,
  /** The compiler is at work, which must not be ended half way: an interrupted cell does not run once it is compiled. */
  compiling: 1,
} as const;

export class InterruptSource {
  #controller = new AbortController();
  /** What the thread that hears interrupts must know of this one, which may hang: see `STATE`. */
  readonly shared = new Int32Array(new SharedArrayBuffer(8));

  /** Makes this source the process's own. */
  install(): void {
    const read = (): AbortSignal => {
      this.shared[STATE.heard] = 1;
      return this.#controller.signal;
    };
    Object.defineProperty(globalThis, INTERRUPT, {
      value: Object.freeze({
        get signal() {
          return read();
        },
      }),
    });
  }

  /** A cell starts. */
  begin(): void {
    if (this.#controller.signal.aborted) this.#controller = new AbortController();
    this.shared[STATE.heard] = 0;
  }

  /** Whether the running cell listens. */
  get heard(): boolean {
    return this.shared[STATE.heard] === 1;
  }

  /** Runs the compiler. */
  compiling<T>(compile: () => T): T {
    Atomics.store(this.shared, STATE.compiling, 1);
    try {
      return compile();
    } finally {
      Atomics.store(this.shared, STATE.compiling, 0);
    }
  }

  abort(reason: Error): void {
    this.#controller.abort(reason);
  }
}
