/** The worst difference of one quantity of one model from the reference. */
export interface Difference {
  readonly quantity: string;
  /** Where: a step, a parameter, an entry. */
  readonly at: string;
  readonly difference: number;
  /** What it may be: 1e-4 (gradient norms 1e-3) or what was said, or what rounding does to it where that is more. */
  readonly limit: number;
}

const LIMIT = 1e-4;
const GRADIENT_LIMIT = 1e-3;

/** A few runs do not show the most that rounding can do: allow so much more than the most they show. */
const CHANCE = 3;

interface Entry {
  readonly quantity: string;
  readonly at: string;
  readonly found: number;
  readonly expected: number;
  readonly scale: number;
  readonly limit: number;
}

/**
 * Collects numbers found and expected. A difference is |found - expected| / max(|expected|, floor). The floor keeps
 * numbers that are nearly 0 beside others of their kind (the gradient of a bias that normalisation cancels, the last of
 * many singular values) from being compared with themselves: float32 cannot hold more digits of them.
 */
export class Comparison {
  readonly #entries = new Map<string, Entry>();

  value(
    quantity: string,
    at: string,
    found: number | undefined,
    expected: number,
    floor = 0,
    limit = quantity === "gradientNorm" ? GRADIENT_LIMIT : LIMIT,
  ): void {
    const scale = Math.max(Math.abs(expected), floor);
    this.#entries.set(`${quantity} ${at}`, { quantity, at, found: found ?? NaN, expected, scale, limit });
  }

  values(
    quantity: string,
    found: ArrayLike<number>,
    expected: readonly number[],
    floor = 0,
    at = "",
    limit?: number,
  ): void {
    expected.forEach((value, i) => this.value(quantity, `${at}[${i}]`, found[i], value, floor, limit));
  }

  /** Lists of whole numbers that must be equal, in length too. */
  same(quantity: string, at: string, found: ArrayLike<number>, expected: readonly number[]): void {
    this.value(quantity, `${at} length`, found.length, expected.length, 0, 0);
    this.values(quantity, found, expected, 1, at, 0);
  }

  /**
   * The worst difference of each quantity, relative to its limit.
   * @param rounded the same comparison after the starting weights were changed in their last place: an entry may differ
   * from the reference by a few times as much as those differ from this one
   */
  differences(rounded: readonly Comparison[] = []): Difference[] {
    const worst = new Map<string, Difference>();
    for (const [key, { quantity, at, found, expected, scale, limit: given }] of this.#entries) {
      const moved = rounded
        .map((other) => CHANCE * distance(other.#entries.get(key)!.found, found, scale))
        .filter(Number.isFinite); // a number that is missing allows nothing
      const limit = Math.max(given, ...moved);
      const difference = distance(found, expected, scale);
      const known = worst.get(quantity);
      if (known && difference / limit <= known.difference / known.limit) continue;
      worst.set(quantity, { quantity, at, difference, limit });
    }
    return [...worst.values()];
  }
}

/** Infinite if one of the numbers is missing or NaN. */
function distance(a: number, b: number, scale: number): number {
  if (a === b) return 0;
  const difference = Math.abs(a - b) / scale;
  return Number.isNaN(difference) ? Infinity : difference;
}

export function agrees({ difference, limit }: Difference): boolean {
  return difference <= limit;
}
