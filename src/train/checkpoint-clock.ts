/** The most that checkpoints may take of the time of a training run. */
const SHARE = 0.03;

/**
 * When to write checkpoints: every so often, and so that all of them together cost a few per cent of the time, however
 * large the network and slow the disk.
 */
export class CheckpointClock {
  readonly #start: number;
  #last: number;
  #spent = 0;
  #lastCost = 0;

  /**
   * @param every milliseconds between checkpoints, where their cost allows it
   * @param now milliseconds of a clock that only rises
   */
  constructor(
    readonly every: number,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#start = this.#last = now();
  }

  /** Whether the next checkpoint is due: it is assumed to cost what the last one did, the first one nothing. */
  isDue(): boolean {
    const now = this.now();
    return now - this.#last > this.every && this.#spent + this.#lastCost <= SHARE * (now - this.#start);
  }

  /** Runs what writes a checkpoint, reads from the device included, and counts its time. */
  async write(checkpoint: () => Promise<void>): Promise<void> {
    const start = this.now();
    await checkpoint();
    this.#last = this.now();
    this.#lastCost = this.#last - start;
    this.#spent += this.#lastCost;
  }
}
