import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import type { SgdConstants } from "../backend/fused.js";
import { get } from "../nn/parameters.js";
import { at, type Optimiser, type Schedule } from "./optimiser.js";
import type { Scalars } from "./scalars.js";

export interface SgdOptions {
  readonly learningRate: Schedule;
  /** Default 0: plain gradient descent. */
  readonly momentum?: number;
  /** Added to the gradient as weightDecay * parameter (not decoupled), on every parameter. Default 0. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent with momentum as PyTorch computes it. Slots: `v/<parameter>`. */
export function sgd({ learningRate, momentum = 0, weightDecay = 0 }: SgdOptions): Optimiser {
  return {
    settings: { name: "SGD", learningRate, constants: { momentum, weightDecay } },
    init: (parameters) => ({
      count: 0,
      slots: new Map([...parameters].map(([name, p]) => [`v/${name}`, tf.zeros(p.shape)])),
    }),
    scalars: (step) => [at(learningRate, step)],
    update(gradients, state, parameters, scalars) {
      const constants = { momentum, weightDecay };
      const apply = fused().sgd ?? composedSgd;
      const next = new Map<string, tf.Tensor>();
      const slots = new Map<string, tf.Tensor>();
      for (const [name, p] of parameters) {
        const [newP, newV] = apply(
          p,
          get(state.slots, `v/${name}`),
          get(gradients, name),
          scalars,
          constants,
        );
        next.set(name, newP);
        slots.set(`v/${name}`, newV);
      }
      return { parameters: next, state: { count: state.count + 1, slots } };
    },
  };
}

/** One SGD update of one parameter in tfjs operations: what the fused versions must equal. [p', v'] */
export function composedSgd(
  p: tf.Tensor,
  v: tf.Tensor,
  g: tf.Tensor,
  { values: [learningRate] }: Scalars,
  { momentum, weightDecay }: SgdConstants,
): [tf.Tensor, tf.Tensor] {
  return tf.tidy(() => {
    const descent = weightDecay === 0 ? g : tf.add(g, tf.mul(p, weightDecay));
    const newV = tf.add(tf.mul(v, momentum), descent);
    return [tf.sub(p, tf.mul(newV, learningRate)), newV];
  });
}
