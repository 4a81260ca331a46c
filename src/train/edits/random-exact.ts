import type { NdArray } from "../../core/array.js";
import { randomStream } from "../../core/random.js";
import { maskArrays, maskKind } from "./masks.js";

/**
 * `random` without its spread: of every matrix exactly as many weights as the magnitude masks keep, each set of that many equally
 * probable, drawn from the branch's stream `edit/mask/<parameter>`.
 */
export const randomExact = maskKind("random-exact", { draws: true }, (magnitude, { weights, seed }) => {
  const masks = new Map(
    [...magnitude].map(([name, mask]): [string, NdArray] => {
      const kept = (mask.data as Float32Array).reduce((sum, x) => sum + x, 0);
      const data = new Float32Array(mask.data.length);
      const order = randomStream(seed, `edit/mask/${name}`).permutation(data.length);
      for (const i of order.subarray(0, kept)) data[i] = 1;
      return [name, { ...mask, data }];
    }),
  );
  return { weights: maskArrays(weights, masks), masks };
});
