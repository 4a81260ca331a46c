import type { NdArray } from "../../core/array.js";
import { randomStream } from "../../core/random.js";
import { maskArrays, maskKind } from "./masks.js";

/**
 * The control of lottery tickets: each weight of a matrix is kept with the probability that is that matrix' density under
 * the magnitude masks, drawn from the branch's stream `edit/mask/<parameter>`.
 */
export const random = maskKind("random", { draws: true }, (magnitude, { weights, seed }) => {
  const masks = new Map(
    [...magnitude].map(([name, mask]): [string, NdArray] => {
      const kept = mask.data as Float32Array;
      const density = kept.reduce((sum, x) => sum + x, 0) / kept.length;
      const stream = randomStream(seed, `edit/mask/${name}`);
      return [name, { ...mask, data: kept.map(() => (stream.uniform() < density ? 1 : 0)) }];
    }),
  );
  return { weights: maskArrays(weights, masks), masks };
});
