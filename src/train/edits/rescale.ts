import { matrixOf } from "../../nn/views.js";
import { type EditKind, otherWeights, type RescaleEdit, runAndStepIn } from "./kind.js";
import { normOf, withMatrices } from "./norms.js";

/**
 * Every matrix, the last layer's too, brought to the Frobenius norm that it has in another run: undoes what weight decay
 * did to norms and leaves what it did to spectra. A matrix of zeros stays one.
 */
export const rescale: EditKind<RescaleEdit> = {
  form: "rescale:RUN@STEP",
  parse: (rest, place) => ({ rescale: runAndStepIn(rest, place) }),
  print: ({ rescale: { run, step } }) => `${run}@${step}`,
  reads: ({ rescale: from }) => from,
  reading: ({ rescale: { step } }, run) => ({ rescale: { run, step } }),
  apply(_edit, context) {
    const other = otherWeights(context, "the weights whose norms are taken");
    return {
      weights: withMatrices(context.weights, context.model.matrices, ({ data }, view) => {
        const [old, wanted] = [normOf(data), normOf(matrixOf(view, other).data)];
        return old === 0 ? data.slice() : data.map((value) => value * (wanted / old));
      }),
    };
  },
};
