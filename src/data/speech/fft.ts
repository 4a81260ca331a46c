/**
 * A discrete Fourier transform of a fixed length, in place: X_k = sum_n x_n exp(-2 pi i k n / N).
 * Mixed radix (Cooley & Tukey 1965, in Stockham's self-sorting order): N is split into small factors, so a length such
 * as 400 = 4 4 5 5 needs no padding. The cost is proportional to N times the sum of the factors.
 * @param length N, an integer >= 1
 * @returns a function that overwrites the real and imaginary parts, each of length N
 * @throws RangeError if N is not an integer >= 1
 */
export function fourierTransform(length: number): (re: Float64Array, im: Float64Array) => void {
  if (!Number.isInteger(length) || length < 1) {
    throw new RangeError(`fourierTransform: length must be an integer >= 1, found ${length}`);
  }
  const factors = smallFactors(length);
  const cos = Float64Array.from({ length }, (_, k) => Math.cos((2 * Math.PI * k) / length));
  const sin = Float64Array.from({ length }, (_, k) => -Math.sin((2 * Math.PI * k) / length));
  const spareRe = new Float64Array(length);
  const spareIm = new Float64Array(length);

  /** Joins `radix` transforms of length `done` into one of length `radix * done`, `rest` of them side by side. */
  const join = (radix: number, done: number, from: Complex, to: Complex): void => {
    const [fromRe, fromIm, toRe, toIm] = [from.re, from.im, to.re, to.im];
    const rest = length / (radix * done);
    for (let k = 0; k < done; k++) {
      for (let q = 0; q < radix; q++) {
        const turn = (k + q * done) * rest; // twiddle and butterfly in one, in units of 1/N; below N
        for (let j = 0; j < rest; j++) {
          let sumRe = 0;
          let sumIm = 0;
          for (let r = 0, angle = 0, at = j + rest * radix * k; r < radix; r++, at += rest) {
            sumRe += fromRe[at] * cos[angle] - fromIm[at] * sin[angle];
            sumIm += fromRe[at] * sin[angle] + fromIm[at] * cos[angle];
            angle += turn;
            if (angle >= length) angle -= length;
          }
          const out = j + rest * (k + done * q);
          toRe[out] = sumRe;
          toIm[out] = sumIm;
        }
      }
    }
  };

  return (re, im) => {
    let [from, to]: Complex[] = [
      { re, im },
      { re: spareRe, im: spareIm },
    ];
    let done = 1;
    for (const radix of factors) {
      join(radix, done, from, to);
      [from, to] = [to, from];
      done *= radix;
    }
    if (from.re !== re) {
      re.set(from.re);
      im.set(from.im);
    }
  };
}

interface Complex {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Fours as long as they divide, then primes. */
function smallFactors(value: number): number[] {
  const factors: number[] = [];
  for (; value % 4 === 0; value /= 4) factors.push(4);
  for (let prime = 2; value > 1; prime++) {
    for (; value % prime === 0; value /= prime) factors.push(prime);
  }
  return factors;
}
