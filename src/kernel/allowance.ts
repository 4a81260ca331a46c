/** How much output an executed notebook keeps, in characters. What is more is left out, and a note says so. */
export const LIMITS = {
  /** What a cell prints. */
  cellText: 16 * 2 ** 20,
  /** What a cell displays, and its result. */
  cellDisplays: 64 * 2 ** 20,
  /** All cells together. */
  notebook: 128 * 2 ** 20,
  /** Outputs of one cell, of whatever size. */
  cellOutputs: 20_000,
  /** One error with its trace. */
  error: 2 ** 18,
} as const;

export type Limits = { readonly [name in keyof typeof LIMITS]: number };

/** An amount that can be used up, in part of a larger one. */
export class Allowance {
  #used = 0;

  constructor(
    private readonly limit: number,
    private readonly whole?: Allowance,
  ) {}

  get room(): number {
    return Math.max(0, Math.min(this.limit - this.#used, this.whole?.room ?? Infinity));
  }

  /** Uses some of it, or gives some back. */
  use(amount: number): void {
    this.#used += amount;
    this.whole?.use(amount);
  }
}
