import { float32, type NdArray } from "../core/array.js";
import { largest } from "../core/extent.js";
import type { When } from "../core/time.js";
import { count90, effectiveRank, entropyRank, gini, stableRank } from "../linalg/spectrum.js";
import type { Measurement, Probe } from "../train/measure.js";
import { arrayBytes, total } from "./bytes.js";

/** About, of a row in rows.jsonl. */
const ROW_BYTES = 310;

/**
 * Singular values and ranks of every matrix (PAPER.md section 1). A row per matrix with `depth`, its place in the model
 * from 0; and the array `singular-values/<matrix>` with all of them, falling.
 */
export function spectraProbe(when: When): Probe {
  return {
    name: "spectra",
    when,
    needs: (model) => model.matrices.map(({ name }) => ({ matrix: name, left: "none", right: "none" })),
    bytes: ({ matrices }) =>
      total(matrices, ({ name, rows, columns }) => {
        return ROW_BYTES + arrayBytes(`singular-values/${name}`, Math.min(rows, columns));
      }),
    async measure(snapshot): Promise<Measurement> {
      const { matrices } = snapshot.model;
      const spectra = await Promise.all(
        matrices.map(async ({ name }) => (await snapshot.svd({ matrix: name })).s),
      );
      return {
        rows: matrices.map(({ name }, depth) => ({
          matrix: name,
          depth,
          ...describeSpectrum(spectra[depth]),
        })),
        arrays: new Map<string, NdArray>(
          matrices.map(({ name }, i) => [
            `singular-values/${name}`,
            float32([spectra[i].length], Float32Array.from(spectra[i])),
          ]),
        ),
      };
    },
  };
}

/**
 * One number per measure of a spectrum. Of a zero matrix (weights decayed to nothing) the ranks are NaN: it has none.
 * @param s singular values, falling
 */
export function describeSpectrum(s: Float64Array): Record<string, number> {
  const rank = (measure: (s: Float64Array) => number): number => (s[0] > 0 ? measure(s) : NaN);
  return {
    effectiveRank: rank(effectiveRank),
    entropyRank: rank(entropyRank),
    count90: rank(count90),
    stableRank: rank(stableRank),
    gini: rank(gini),
    largest: s[0],
    median: s[Math.floor((s.length - 1) / 2)],
    frobenius: norm(s),
  };
}

/** Math.hypot(...s), in its steps and to the last bit, of any number of values. */
function norm(s: Float64Array): number {
  const most = largest(s);
  if (!(most > 0)) return most;
  let sum = 0;
  let lost = 0; // what the last additions rounded away (Kahan)
  for (const x of s) {
    const square = (x / most) ** 2 - lost;
    const next = sum + square;
    lost = next - sum - square;
    sum = next;
  }
  return Math.sqrt(sum) * most;
}
