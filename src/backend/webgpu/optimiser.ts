import * as tf from "@tensorflow/tfjs";
import type { FusedOps } from "../fused.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { wrap } from "./tensors.js";

/**
 * AdamW (Loshchilov & Hutter 2019, algorithm 2) and SGD with momentum and coupled decay, both in PyTorch's form, in one
 * dispatch for each parameter.
 */
export function optimisers(backend: PooledWebGpu): Required<Pick<FusedOps, "adamw" | "sgd">> {
  const upload = numbersOfStep();
  const update = (
    shader: Shader,
    state: tf.Tensor[],
    gradient: tf.Tensor,
    numbers: number[],
  ): tf.Tensor[] => {
    const next = state.map((tensor) => backend.makeTensorInfo(tensor.shape, "float32"));
    const { grid, row } = flatGrid(gradient.size, 64);
    backend.run(shader, next, [...state, gradient, upload(numbers)], words(gradient.size, row), grid);
    return next.map(wrap);
  };
  return {
    adamw: (p, m, v, g, at) =>
      update(adamwShader, [p, m, v], g, [
        1 - at.learningRate * at.weightDecay,
        at.learningRate / (1 - at.beta1 ** at.step),
        1 / (1 - at.beta2 ** at.step),
        at.epsilon,
        at.beta1,
        1 - at.beta1,
        at.beta2,
        1 - at.beta2,
      ]) as [tf.Tensor, tf.Tensor, tf.Tensor],
    sgd: (p, v, g, at) =>
      update(sgdShader, [p, v], g, [at.learningRate, at.momentum, at.weightDecay]) as [tf.Tensor, tf.Tensor],
  };
}

/**
 * Hyper-parameters as a tensor, because they may change at every step and uniform buffers are kept by content. All
 * parameters of a step share one upload.
 */
function numbersOfStep(): (numbers: number[]) => tf.Tensor {
  let held: { key: string; tensor: tf.Tensor } | undefined;
  return (numbers) => {
    const key = numbers.join();
    if (held?.key !== key) {
      held?.tensor.dispose();
      held = { key, tensor: tf.keep(tf.tensor1d(numbers)) };
    }
    return held.tensor;
  };
}

const adamwShader: Shader = {
  key: "adamw",
  outputs: 3,
  inputs: 5,
  code: () => `${declareBindings(["p1", "m1", "v1"], ["p", "m", "v", "g", "at"], ["n", "row"])}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let gradient = g[i];
  let first = at[4] * m[i] + at[5] * gradient;
  let second = at[6] * v[i] + at[7] * gradient * gradient;
  m1[i] = first;
  v1[i] = second;
  p1[i] = p[i] * at[0] - at[1] * first / (sqrt(second * at[2]) + at[3]);
}`,
};

const sgdShader: Shader = {
  key: "sgd",
  outputs: 2,
  inputs: 4,
  code: () => `${declareBindings(["p1", "v1"], ["p", "v", "g", "at"], ["n", "row"])}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let velocity = at[1] * v[i] + g[i] + at[2] * p[i];
  v1[i] = velocity;
  p1[i] = p[i] - at[0] * velocity;
}`,
};
