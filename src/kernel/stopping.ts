/** What stops a run, and the status that a command ends with then (128 and the signal's number, as in a shell). */
const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** npm hands on signals that the terminal has sent to everybody: a second one so soon is the same request. */
const SAME_MS = 1000;

/** Signals as requests: the first asks to stop, the next to stop at once. */
export class Stopping {
  readonly #stop = new AbortController();
  readonly #atOnce = new AbortController();
  #status: number | undefined;
  #heard = -Infinity;
  readonly #listeners = Object.entries(STATUS).map(([name, status]) => {
    const hear = (): void => {
      this.#status ??= status;
      if (!this.#stop.signal.aborted) this.#heard = performance.now();
      else if (performance.now() - this.#heard > SAME_MS) this.#atOnce.abort();
      this.#stop.abort();
    };
    process.on(name, hear);
    return (): void => void process.off(name, hear);
  });

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get atOnce(): AbortSignal {
    return this.#atOnce.signal;
  }

  /** The status of a stopped command; undefined if no signal came. */
  get status(): number | undefined {
    return this.#status;
  }

  /** Signals end the process again. */
  end(): void {
    for (const remove of this.#listeners) remove();
  }
}
