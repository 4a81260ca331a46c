import { ConfigError } from "../../core/errors.js";
import { normsAt } from "../norm-course.js";
import { type EditKind, type NormsEdit } from "./kind.js";
import { normOf, withMatrices } from "./norms.js";

/**
 * The paper's open question, what weight decay does to spectra beyond norms (PAPER.md section 5): every matrix, the last
 * layer's too, is brought to the Frobenius norm that it has in another run at the same step, now and after every update.
 * A run with decay and the norms of the one without it shows decay's effect on the spectrum alone; a run without decay and
 * the norms of the one with it, that of the norms alone. Targets are the other run's measured norms, interpolated
 * (`normsAt`). A matrix of zeros stays one.
 */
export const heldNorms: EditKind<NormsEdit> = {
  form: "norms:RUN",
  parse(run, place) {
    if (run !== "" && !/[@#\s]/.test(run)) return { norms: { run } };
    throw new ConfigError(`${place}: expected a run after "norms:", found ${JSON.stringify(run)}`);
  },
  print: ({ norms: { run } }) => run,
  reading: (_edit, run) => ({ norms: { run } }),
  readsNorms: ({ norms: { run } }) => run,
  apply({ norms: { run } }, { model, weights, norms, step = 0 }) {
    if (!norms) throw new ConfigError(`edit: expected the measured norms of ${run}, found none`);
    const targets = normsAt(norms, step);
    const edited = withMatrices(weights, model.matrices, ({ data }, { parameter }) => {
      const [old, wanted] = [normOf(data), targets.get(parameter)!];
      return old === 0 ? data.slice() : data.map((value) => value * (wanted / old));
    });
    return { weights: edited, norms };
  },
};
