import { maskArrays, maskKind } from "./masks.js";

/**
 * The other control of lottery tickets: the masks of the largest magnitudes, and the weights that they keep drawn anew,
 * as the model's initialisation with the branch's seed has them. Everything without a mask stays as it is.
 */
export const reinit = maskKind("reinit", { draws: true }, (masks, { model, weights, seed }) => {
  const fresh = model.init(seed);
  const drawn = new Map([...weights].map(([name, old]) => [name, masks.has(name) ? fresh.get(name)! : old]));
  return { weights: maskArrays(drawn, masks), masks };
});
