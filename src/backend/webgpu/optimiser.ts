import type * as tf from "@tensorflow/tfjs";
import type { FusedOps } from "../fused.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { wrap } from "./tensors.js";

/**
 * AdamW (Loshchilov & Hutter 2019, algorithm 2) and SGD with momentum and coupled decay, both in PyTorch's form, in one
 * dispatch for each parameter.
 */
export function optimisers(backend: PooledWebGpu): Required<Pick<FusedOps, "adamw" | "sgd">> {
  const update = (
    shader: Shader,
    state: tf.Tensor[],
    gradient: tf.Tensor,
    numbers: tf.Tensor,
    constants: readonly number[],
  ): tf.Tensor[] => {
    const next = state.map((tensor) => backend.makeTensorInfo(tensor.shape, "float32"));
    const { grid, row } = flatGrid(gradient.size, 64);
    const uniforms = words(gradient.size, row, ...constants.map((f) => ({ f })));
    backend.run(shader, next, [...state, gradient, numbers], uniforms, grid);
    return next.map(wrap);
  };
  return {
    adamw: (p, m, v, g, { tensor }, { beta1, beta2, epsilon }) =>
      update(adamwShader, [p, m, v], g, tensor, [epsilon, beta1, 1 - beta1, beta2, 1 - beta2]) as [
        tf.Tensor,
        tf.Tensor,
        tf.Tensor,
      ],
    sgd: (p, v, g, { tensor }, { momentum, weightDecay }) =>
      update(sgdShader, [p, v], g, tensor, [momentum, weightDecay]) as [tf.Tensor, tf.Tensor],
  };
}

const adamwShader: Shader = {
  key: "adamw",
  outputs: 3,
  inputs: 5,
  code: () => `${declareBindings(
    ["p1", "m1", "v1"],
    ["p", "m", "v", "g", "at"],
    ["n", "row", "epsilon : f32", "beta1 : f32", "rest1 : f32", "beta2 : f32", "rest2 : f32"],
  )}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let gradient = g[i];
  let first = u.beta1 * m[i] + u.rest1 * gradient;
  let second = u.beta2 * v[i] + u.rest2 * gradient * gradient;
  m1[i] = first;
  v1[i] = second;
  p1[i] = p[i] * at[0] - at[1] * first / (sqrt(second * at[2]) + u.epsilon);
}`,
};

const sgdShader: Shader = {
  key: "sgd",
  outputs: 2,
  inputs: 4,
  code: () => `${declareBindings(
    ["p1", "v1"],
    ["p", "v", "g", "at"],
    ["n", "row", "momentum : f32", "decay : f32"],
  )}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let velocity = u.momentum * v[i] + g[i] + u.decay * p[i];
  v1[i] = velocity;
  p1[i] = p[i] - at[0] * velocity;
}`,
};
