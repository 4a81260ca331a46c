import { randomStream } from "../../core/random.js";
import { hiddenMatrices } from "../../nn/views.js";
import { type EditKind, numberIn, type PerturbEdit, seedIn } from "./kind.js";
import { normOf, withMatrices } from "./norms.js";

/**
 * W' = (W + eta |W| N / |N|) |W| / |W + eta |W| N / |N||, Frobenius norms, for every matrix but the last layer's and
 * embedding tables; N normal, from the stream `edit/perturb/<parameter>` of the edit's own seed. Computed in float64.
 */
export const perturb: EditKind<PerturbEdit> = {
  form: "perturb:ETA[#SEED]",
  parse(rest, place) {
    const [eta, seed = "0", ...more] = rest.split("#");
    return {
      perturb: numberIn(eta, place, "the size of the noise, a number >= 0", (value) => value < Infinity),
      seed: seedIn([seed, ...more].join("#"), place),
    };
  },
  print: ({ perturb: eta, seed }) => (seed === 0 ? `${eta}` : `${eta}#${seed}`),
  apply({ perturb: eta, seed }, { model, weights }) {
    const views = hiddenMatrices(model).filter(({ name }) => !model.embedding?.includes(name));
    return {
      weights: withMatrices(weights, views, ({ data }, { parameter }) => {
        const stream = randomStream(seed, `edit/perturb/${parameter}`);
        return perturbed(
          data,
          Float64Array.from(data, () => stream.normal()),
          eta,
        );
      }),
    };
  },
};

/** A matrix moved by noise of `eta` times its norm and brought back to that norm. A matrix of zeros stays one. */
export function perturbed(data: Float32Array, noise: Float64Array, eta: number): Float32Array {
  const norm = normOf(data);
  if (norm === 0) return data.slice();
  const factor = (eta * norm) / normOf(noise);
  const moved = Float64Array.from(data, (value, i) => value + factor * noise[i]);
  const back = norm / normOf(moved);
  return Float32Array.from(moved, (value) => value * back);
}
