import { float32, type NamedArrays, type NdArray } from "../../core/array.js";
import { DataError } from "../../core/errors.js";
import { hiddenMatrices, matrixOf, parameterOf } from "../../nn/views.js";
import {
  type Edited,
  type EditContext,
  type EditKind,
  type MaskEdit,
  numberIn,
  otherWeights,
  runAndStepIn,
  seedIn,
  stepIn,
} from "./kind.js";

/**
 * A kind of masks: what `edit` makes of the weights, given the masks of the largest magnitudes.
 * @param draws whether `edit` draws from the context's seed, in place of which the text may have "#SEED"
 */
export function maskKind(
  mask: MaskEdit["mask"],
  { draws }: { readonly draws: boolean },
  edit: (magnitude: NamedArrays, context: EditContext) => Edited & { masks: NamedArrays },
): EditKind<MaskEdit> {
  return {
    form: `${mask}:SHARE[@[RUN@]STEP]${draws ? "[#SEED]" : ""}`,
    parse(rest, place) {
      const hash = draws ? rest.lastIndexOf("#") : -1;
      const [text, seed] = hash < 0 ? [rest] : [rest.slice(0, hash), seedIn(rest.slice(hash + 1), place)];
      const [share, ...ranked] = text.split("@");
      const keep = numberIn(share, place, "a share in (0, 1]", (value) => value > 0 && value <= 1);
      const drawn = seed === undefined ? {} : { seed };
      if (ranked.length < 2) return { mask, keep, rankedAt: stepIn(ranked[0] ?? "end", place), ...drawn };
      const { run, step } = runAndStepIn(ranked.join("@"), place);
      return { mask, keep, rankedAt: step, rankedBy: run, ...drawn };
    },
    print({ keep, rankedAt, rankedBy, seed }) {
      const step = rankedAt === "end" ? "" : `@${rankedAt}`;
      const ranked = rankedBy === undefined ? step : `@${rankedBy}@${rankedAt}`;
      return `${keep}${ranked}${seed === undefined ? "" : `#${seed}`}`;
    },
    reads: ({ rankedAt: step, rankedBy: run }) => ({ step, ...(run !== undefined && { run }) }),
    reading: (edit, run) => ({ ...edit, rankedBy: run }),
    apply({ keep, seed }, context) {
      const ranked = otherWeights(context, "the weights that magnitudes are ranked by");
      return edit(magnitudeMasks(context.model, ranked, keep), { ...context, seed: seed ?? context.seed });
    },
  };
}

/**
 * 0/1 for every weight of the hidden matrices (all but the last layer's), by parameter name and in the parameters'
 * shapes: 1 for exactly floor(keep * N) of their N weights, those of largest magnitude over all matrices together. Of
 * equal magnitudes the earlier one is kept, in the order of matrices and row by row.
 */
export function magnitudeMasks(
  model: EditContext["model"],
  weights: NamedArrays,
  keep: number,
): Map<string, NdArray> {
  const views = hiddenMatrices(model);
  const matrices = views.map((view) => matrixOf(view, weights));
  const magnitudes = matrices.map(({ data }) => magnitudeBits(data));
  const count = Math.floor(keep * magnitudes.reduce((sum, bits) => sum + bits.length, 0));
  const { least, above } = thresholdOf(magnitudes, count);
  let ties = count - above;
  return new Map(
    views.map((view, m) => {
      const data = new Float32Array(magnitudes[m].length);
      magnitudes[m].forEach((bits, i) => {
        if (bits > least || (bits === least && ties-- > 0)) data[i] = 1;
      });
      const { shape } = weights.get(view.parameter)!;
      return [view.parameter, parameterOf(view, { ...matrices[m], data }, shape)];
    }),
  );
}

/** Bits of float32 magnitudes, which as integers are in the order of the magnitudes. */
function magnitudeBits(data: Float32Array): Uint32Array {
  return new Uint32Array(data.buffer, data.byteOffset, data.length).map((bits) => bits & 0x7fffffff);
}

const LOW = 15; // of 31 bits

/** The `count`-th largest of many integers below 2^31, and how many are larger: a histogram of high, then of low bits. */
function thresholdOf(parts: readonly Uint32Array[], count: number): { least: number; above: number } {
  if (count === 0) return { least: 2 ** 31, above: 0 };
  let above = 0;
  const find = (bucketOf: (bits: number) => number | undefined): number => {
    const histogram = new Float64Array(2 ** 16);
    for (const part of parts) {
      for (const bits of part) {
        const bucket = bucketOf(bits);
        if (bucket !== undefined) histogram[bucket]++;
      }
    }
    let b = histogram.length - 1;
    for (; above + histogram[b] < count; b--) above += histogram[b];
    return b;
  };
  const high = find((bits) => bits >>> LOW);
  const low = find((bits) => (bits >>> LOW === high ? bits & (2 ** LOW - 1) : undefined));
  return { least: high * 2 ** LOW + low, above };
}

/** Arrays times their masks; those without one are passed through. New arrays where there is a mask. */
export function maskArrays(arrays: NamedArrays, masks: NamedArrays = new Map()): NamedArrays {
  return new Map(
    [...arrays].map(([name, array]): [string, NdArray] => {
      const mask = masks.get(name);
      return [name, mask ? masked(array, mask) : array];
    }),
  );
}

function masked({ shape, data }: NdArray, { data: mask }: NdArray): NdArray {
  const kept = mask as Float32Array;
  return float32(
    shape,
    (data as Float32Array).map((value, i) => value * kept[i]), // as on the device, signs of zeros included
  );
}

/** @throws DataError unless every mask is of 0 and 1, float32, and of the shape of a parameter */
export function checkMasks(place: string, parameters: NamedArrays, masks: NamedArrays = new Map()): void {
  for (const [name, mask] of masks) {
    const shape = parameters.get(name)?.shape;
    if (!shape) throw new DataError(`${place}: expected a mask of a parameter, found one of "${name}"`);
    const binary = mask.dtype === "F32" && (mask.data as Float32Array).every((x) => x === 0 || x === 1);
    if (binary && `${mask.shape}` === `${shape}`) continue;
    const found = `${mask.dtype} [${mask.shape}]${binary ? "" : " with others"}`;
    throw new DataError(`${place}: mask of "${name}": expected 0 and 1, F32 [${shape}], found ${found}`);
  }
}
