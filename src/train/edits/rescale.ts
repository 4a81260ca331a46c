import { ConfigError } from "../../core/errors.js";
import { matrixOf } from "../../nn/views.js";
import { type EditKind, otherWeights, type RescaleEdit, stepIn } from "./kind.js";
import { normOf, withMatrices } from "./norms.js";

/**
 * Every matrix, the last layer's too, brought to the Frobenius norm that it has in another run: undoes what weight decay
 * did to norms and leaves what it did to spectra. A matrix of zeros stays one.
 */
export const rescale: EditKind<RescaleEdit> = {
  form: "rescale:RUN@STEP",
  parse(rest, place) {
    const [run, step, ...more] = rest.split("@");
    if (!run || step === undefined || more.length > 0) {
      throw new ConfigError(`${place}: expected RUN@STEP after "rescale:", found "${rest}"`);
    }
    return { rescale: { run, step: stepIn(step, place) } };
  },
  print: ({ rescale: { run, step } }) => `${run}@${step}`,
  reads: ({ rescale: from }) => from,
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
