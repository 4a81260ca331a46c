import type { NamedArrays } from "../../core/array.js";
import { permuteUnits } from "../../nn/units.js";
import { weightMatching } from "../../nn/weight-matching.js";
import { type AlignEdit, type EditKind, otherWeights, runAndStepIn } from "./kind.js";

/**
 * Gives interchangeable units the order in which the weights are most like those of another run (`weightMatching`): the function,
 * spectra and norms stay, distances and barriers to that run change.
 */
export const align: EditKind<AlignEdit> = {
  form: "align:RUN@STEP",
  parse: (rest, place) => ({ align: runAndStepIn(rest, place) }),
  print: ({ align: { run, step } }) => `${run}@${step}`,
  reads: ({ align: from }) => from,
  reading: ({ align: { step } }, run) => ({ align: { run, step } }),
  apply(_edit, context) {
    const { model, weights } = context;
    const like = otherWeights(context, "the weights to be aligned with");
    const { permutations } = weightMatching(model, like, weights);
    const alongside = (arrays: NamedArrays): NamedArrays =>
      permuteUnits(model.units ?? [], arrays, permutations);
    return { weights: alongside(weights), alongside };
  },
};
