/**
 * Sinusoidal positions (Vaswani et al. 2017): at position t, element 2i is sin(t / 10000^(2i/width)), element 2i+1 the
 * cosine of the same angle.
 * @returns length x width, row-major, in [-1, 1]
 */
export function sinusoidalPositions(length: number, width: number): Float32Array {
  const table = new Float32Array(length * width);
  for (let i = 0; i < width; i += 2) {
    const frequency = 10000 ** (-i / width);
    for (let t = 0; t < length; t++) {
      table[t * width + i] = Math.sin(t * frequency);
      if (i + 1 < width) table[t * width + i + 1] = Math.cos(t * frequency);
    }
  }
  return table;
}
