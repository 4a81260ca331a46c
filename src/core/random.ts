import { createHash } from "node:crypto";

/**
 * A reproducible source of random numbers. Every use of chance has a stream of its own, named after
 * what it decides ("init/embedding.weight", "order/epoch/12"), so that adding a draw in one place
 * changes no number anywhere else, and a resumed run draws what the uninterrupted one would have.
 */
export interface Random {
  /** Uniform integer in [0, 2^32). */
  uint32(): number;
  /** Uniform in [low, high), default [0, 1), 32 bits of resolution. */
  uniform(low?: number, high?: number): number;
  /** Normal with the given mean and standard deviation (Box-Muller). */
  normal(mean?: number, std?: number): number;
  /** Uniform integer in [0, bound), without modulo bias; 1 <= bound <= 2^32. */
  integer(bound: number): number;
  /** A uniformly random order of 0 .. n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array;
}

/**
 * The stream called `name` of the run with `seed`.
 * Generator: sfc32 (Doty-Humphrey, PractRand), its 128-bit state taken from SHA-256 of seed and name.
 */
export function randomStream(seed: number, name: string): Random {
  const digest = createHash("sha256").update(`${seed}/${name}`).digest();
  return sfc32(
    digest.readUInt32LE(0),
    digest.readUInt32LE(4),
    digest.readUInt32LE(8),
    digest.readUInt32LE(12),
  );
}

function sfc32(a: number, b: number, c: number, counter: number): Random {
  let spare: number | undefined;
  const uint32 = (): number => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  const uniform = (low = 0, high = 1): number => low + (high - low) * (uint32() / 2 ** 32);
  const normal = (mean = 0, std = 1): number => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return mean + std * value;
    }
    const radius = Math.sqrt(-2 * Math.log((uint32() + 1) / 2 ** 32)); // argument in (0, 1]
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return mean + std * radius * Math.cos(angle);
  };
  const integer = (bound: number): number => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) {
      throw new RangeError(`Random.integer: bound must be an integer in [1, 2^32], found ${bound}`);
    }
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let draw = uint32();
    while (draw >= limit) draw = uint32();
    return draw % bound;
  };
  const permutation = (n: number): Int32Array => {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = integer(i + 1);
      const kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
    return order;
  };
  return { uint32, uniform, normal, integer, permutation };
}
