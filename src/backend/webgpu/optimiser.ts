import type * as tf from "@tensorflow/tfjs";
import type { FusedOps } from "../fused.js";
import type { PooledWebGpu } from "./dispatch.js";
import { blocksOf, blockSum, elementwise, runMany, type ManyShader } from "./many.js";
import { wrap } from "./tensors.js";

type OptimiserOps = Required<Pick<FusedOps, "adamw" | "sgd" | "squareSums" | "scale">>;

/**
 * AdamW (Loshchilov & Hutter 2019, algorithm 2), SGD with momentum and coupled decay, both in PyTorch's form, and what clipping
 * needs, for all parameters of a network in a few dispatches.
 */
export function optimisers(backend: PooledWebGpu): OptimiserOps {
  return {
    adamw(states, gradients, { tensor }, { beta1, beta2, epsilon }, inPlace) {
      const next = inPlace
        ? [...states]
        : states.map(({ p, m, v }) => ({ p: backend.own(p), m: backend.own(m), v: backend.own(v) }));
      const members = next.map(({ p, m, v }, i) => ({ written: [p, m, v], read: [gradients[i]] }));
      const constants = [epsilon, beta1, 1 - beta1, beta2, 1 - beta2].map((f) => ({ f }));
      runMany(backend, adamwShader, members, { written: [], read: [tensor] }, constants);
      return next;
    },
    sgd(states, gradients, { tensor }, { momentum, weightDecay }, inPlace) {
      const next = inPlace
        ? [...states]
        : states.map(({ p, v }) => ({ p: backend.own(p), v: backend.own(v) }));
      const members = next.map(({ p, v }, i) => ({ written: [p, v], read: [gradients[i]] }));
      const constants = [momentum, weightDecay].map((f) => ({ f }));
      runMany(backend, sgdShader, members, { written: [], read: [tensor] }, constants);
      return next;
    },
    squareSums(tensors) {
      const partial = backend.makeTensorInfo([blocksOf(tensors.map(({ size }) => size))], "float32");
      const members = tensors.map((tensor) => ({ written: [], read: [tensor] }));
      runMany(backend, squaresShader, members, { written: [partial], read: [] }, []);
      return wrap(partial) as tf.Tensor1D;
    },
    scale(tensors, factor) {
      const scaled = tensors.map(({ shape }) => backend.makeTensorInfo(shape, "float32"));
      const members = scaled.map((to, i) => ({ written: [to], read: [tensors[i]] }));
      runMany(backend, scaleShader, members, { written: [], read: [factor] }, []);
      return scaled.map(wrap);
    },
  };
}

const adamwShader: ManyShader = {
  key: "adamw",
  written: ["p", "m", "v"],
  read: ["g"],
  sharedRead: ["at"],
  fields: ["epsilon : f32", "beta1 : f32", "rest1 : f32", "beta2 : f32", "rest2 : f32"],
  block: (of) =>
    elementwise(`
      let gradient = ${of("g")}[i];
      let first = u.beta1 * ${of("m")}[i] + u.rest1 * gradient;
      let second = u.beta2 * ${of("v")}[i] + u.rest2 * gradient * gradient;
      ${of("m")}[i] = first;
      ${of("v")}[i] = second;
      ${of("p")}[i] = ${of("p")}[i] * at[0] - at[1] * first / (sqrt(second * at[2]) + u.epsilon);`),
};

const sgdShader: ManyShader = {
  key: "sgd",
  written: ["p", "v"],
  read: ["g"],
  sharedRead: ["at"],
  fields: ["momentum : f32", "decay : f32"],
  block: (of) =>
    elementwise(`
      let velocity = u.momentum * ${of("v")}[i] + ${of("g")}[i] + u.decay * ${of("p")}[i];
      ${of("v")}[i] = velocity;
      ${of("p")}[i] = ${of("p")}[i] - at[0] * velocity;`),
};

const squaresShader: ManyShader = {
  key: "square sums",
  written: [],
  read: ["x"],
  sharedWritten: ["sums"],
  fields: [],
  block: (of) => blockSum(`${of("x")}[i] * ${of("x")}[i]`, "sums[number]"),
};

const scaleShader: ManyShader = {
  key: "scale",
  written: ["y"],
  read: ["x"],
  sharedRead: ["factor"],
  fields: [],
  block: (of) => elementwise(`${of("y")}[i] = ${of("x")}[i] * factor[0];`),
};
