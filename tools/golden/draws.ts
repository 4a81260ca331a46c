/**
 * The numbers that a reference file's models are made of: a formula instead of stored weights, so that any
 * implementation can repeat them. Draw k (counted from 1) of base b has seed 1000 b + k.
 */
export interface Draws {
  /** The next draw: float32((2 u - 1) * scale) for `count` uniform u in [0, 1). */
  uniform(count: number, scale: number): Float32Array;
  /** The next draw: floor(u * bound). */
  integers(count: number, bound: number): Int32Array;
  /** The next two draws: standard normal numbers in float64. */
  normal(count: number): Float64Array;
  /** The next draw: the indices 0 ... count - 1 that sort its hashes in ascending order. */
  permutation(count: number): Int32Array;
  /** The next draw: (h + 1/2) / 2^32 for hashes h, in (0, 1). */
  inside(count: number): Float64Array;
}

export function draws(base: number): Draws {
  let k = 0;
  const hashes = (count: number): Float64Array => {
    k += 1;
    const offset = Math.imul(1000 * base + k, 0x9e3779b9);
    return Float64Array.from({ length: count }, (_, i) => hash((i + offset) >>> 0));
  };
  const next = (count: number): Float64Array => hashes(count).map((h) => h / 2 ** 32);
  const inside = (count: number): Float64Array => hashes(count).map((h) => (h + 0.5) / 2 ** 32);
  return {
    uniform: (count, scale) => Float32Array.from(next(count), (u) => (2 * u - 1) * scale),
    integers: (count, bound) => Int32Array.from(next(count), (u) => Math.floor(u * bound)),
    normal(count) {
      const [radius, turn] = [inside(count), next(count)];
      return radius.map((u, i) => Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * turn[i]));
    },
    permutation(count) {
      const drawn = hashes(count);
      return Int32Array.from(drawn.keys()).sort((i, j) => drawn[i] - drawn[j]);
    },
    inside,
  };
}

function hash(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
