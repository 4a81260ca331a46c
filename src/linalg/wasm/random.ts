/** Start vectors: xorshift32 (Marsaglia, 2003), the same at every run. */
let state: u32 = 1;

export function seedRandom(seed: u32): void {
  state = seed;
}

/** Uniform in [-1, 1). */
export function random(): f64 {
  state ^= state << 13;
  state ^= state >> 17;
  state ^= state << 5;
  return <f64>(<i32>state) * 4.656612873077393e-10;
}
