/** Exit statuses of what stops a command, as shells count them: 128 and the signal's number. */
export const STOPPED_BY = { SIGHUP: 129, SIGINT: 130, SIGPIPE: 141, SIGTERM: 143 } as const;

/** The wish that a command ends before its work is done. */
export class Stop {
  readonly #controller = new AbortController();
  #status: number = STOPPED_BY.SIGINT;

  /** Aborted once the command is to end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The exit status of a command that was stopped: it says by what. */
  get status(): number {
    return this.#status;
  }

  /** Asks the command to end. Only the first time counts. */
  now(status: number): void {
    if (this.signal.aborted) return;
    this.#status = status;
    this.#controller.abort();
  }

  /** From now on the signals of a keyboard, a closed terminal and a batch system stop the command, not the process. */
  listen(): void {
    for (const name of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
      process.on(name, () => this.now(STOPPED_BY[name]));
  }
}
