import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import type { SgdConstants, SgdTensors } from "../backend/fused.js";
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
    update(gradients, state, parameters, scalars, inPlace = false) {
      const constants = { momentum, weightDecay };
      const names = [...parameters.keys()];
      const states = names.map((name) => ({ p: get(parameters, name), v: get(state.slots, `v/${name}`) }));
      const ordered = names.map((name) => get(gradients, name));
      const next =
        fused().sgd?.(states, ordered, scalars, constants, inPlace) ??
        states.map((tensors, i) => composedSgd(tensors, ordered[i], scalars, constants));
      return {
        parameters: new Map(names.map((name, i) => [name, next[i].p])),
        state: { count: state.count + 1, slots: new Map(names.map((name, i) => [`v/${name}`, next[i].v])) },
      };
    },
  };
}

/** One SGD update of one parameter in tfjs operations: what the fused versions must equal. */
export function composedSgd(
  { p, v }: SgdTensors,
  g: tf.Tensor,
  { values: [learningRate] }: Scalars,
  { momentum, weightDecay }: SgdConstants,
): SgdTensors {
  return tf.tidy(() => {
    const descent = weightDecay === 0 ? g : tf.add(g, tf.mul(p, weightDecay));
    const newV = tf.add(tf.mul(v, momentum), descent);
    return { p: tf.sub(p, tf.mul(newV, learningRate)), v: newV };
  });
}
