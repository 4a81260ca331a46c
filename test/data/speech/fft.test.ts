import assert from "node:assert/strict";
import test from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { fourierTransform } from "spectral-lab/data/speech/fft";

for (const length of [1, 2, 3, 4, 7, 12, 30, 49, 400]) {
  test(`length ${length} agrees with the definition`, () => {
    const random = randomStream(1, `fft/${length}`);
    const re = Float64Array.from({ length }, () => random.normal());
    const im = Float64Array.from({ length }, () => random.normal());
    const [wantRe, wantIm] = [new Float64Array(length), new Float64Array(length)];
    for (let k = 0; k < length; k++) {
      for (let n = 0; n < length; n++) {
        const angle = (-2 * Math.PI * k * n) / length;
        wantRe[k] += re[n] * Math.cos(angle) - im[n] * Math.sin(angle);
        wantIm[k] += re[n] * Math.sin(angle) + im[n] * Math.cos(angle);
      }
    }
    fourierTransform(length)(re, im);
    for (let k = 0; k < length; k++) {
      assert.ok(Math.hypot(re[k] - wantRe[k], im[k] - wantIm[k]) < 1e-10, `bin ${k}`);
    }
  });
}

test("a length that is no positive integer is refused", () => {
  for (const length of [0, -4, 2.5, NaN]) assert.throws(() => fourierTransform(length), RangeError);
});
