import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import type { AdamWConstants, AdamWTensors } from "../backend/fused.js";
import { get } from "../nn/parameters.js";
import { at, type Optimiser, type Schedule } from "./optimiser.js";
import type { Scalars } from "./scalars.js";

export interface AdamWOptions {
  readonly learningRate: Schedule;
  /** Decay of the first moment; default 0.9. */
  readonly beta1?: number;
  /** Decay of the second moment; default 0.999. */
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled: every parameter, biases and norms too, is multiplied by 1 - learningRate * weightDecay. Default 0. */
  readonly weightDecay?: number;
}

/**
 * AdamW (Loshchilov and Hutter 2019) as PyTorch computes it. Slots: `m/<parameter>` and `v/<parameter>`.
 */
export function adamw(options: AdamWOptions): Optimiser {
  const { learningRate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 } = options;
  return {
    settings: { name: "AdamW", learningRate, constants: { beta1, beta2, epsilon, weightDecay } },
    init: (parameters) => ({
      count: 0,
      slots: new Map(
        ["m", "v"].flatMap((slot) =>
          [...parameters].map(([name, p]): [string, tf.Tensor] => [`${slot}/${name}`, tf.zeros(p.shape)]),
        ),
      ),
    }),
    scalars(step, count) {
      const rate = at(learningRate, step);
      return [1 - rate * weightDecay, rate / (1 - beta1 ** (count + 1)), 1 / (1 - beta2 ** (count + 1))];
    },
    update(gradients, state, parameters, scalars, inPlace = false) {
      const constants = { beta1, beta2, epsilon };
      const names = [...parameters.keys()];
      const states = names.map((name) => ({
        p: get(parameters, name),
        m: get(state.slots, `m/${name}`),
        v: get(state.slots, `v/${name}`),
      }));
      const ordered = names.map((name) => get(gradients, name));
      const next =
        fused().adamw?.(states, ordered, scalars, constants, inPlace) ??
        states.map((tensors, i) => composedAdamW(tensors, ordered[i], scalars, constants));
      const named = (slot: string, key: "p" | "m" | "v"): [string, tf.Tensor][] =>
        names.map((name, i) => [`${slot}${name}`, next[i][key]]);
      return {
        parameters: new Map(named("", "p")),
        state: { count: state.count + 1, slots: new Map([...named("m/", "m"), ...named("v/", "v")]) },
      };
    },
  };
}

/** One AdamW update of one parameter in tfjs operations: what the fused versions must equal. */
export function composedAdamW(
  { p, m, v }: AdamWTensors,
  g: tf.Tensor,
  { values: [decay, rate, correction] }: Scalars,
  { beta1, beta2, epsilon }: AdamWConstants,
): AdamWTensors {
  return tf.tidy(() => {
    const newM = tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1));
    const newV = tf.add(tf.mul(v, beta2), tf.mul(tf.square(g), 1 - beta2));
    const deviation = tf.add(tf.sqrt(tf.mul(newV, correction)), epsilon);
    const change = tf.mul(tf.div(newM, deviation), rate);
    const decayed = decay === 1 ? p : tf.mul(p, decay);
    return { p: tf.sub(decayed, change), m: newM, v: newV };
  });
}
