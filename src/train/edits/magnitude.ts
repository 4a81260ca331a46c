import { maskArrays, maskKind } from "./masks.js";

/** Lottery tickets: the weights that are largest in the trunk are kept, with the values that they have here. */
export const magnitude = maskKind("magnitude", { draws: false }, (masks, { weights }) => ({
  weights: maskArrays(weights, masks),
  masks,
}));
