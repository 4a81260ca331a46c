import * as tf from "@tensorflow/tfjs";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";

/**
 * Cross entropy of logits [rows, classes] with labels, see FusedOps. Forward reads the logits once, a workgroup per row, and
 * keeps two numbers of each; backward reads them once more and writes softmax - onehot.
 */
export function crossEntropy(
  backend: PooledWebGpu,
  logits: tf.Tensor2D,
  labels: tf.Tensor1D,
  scale: number,
): tf.Scalar {
  const [rows, classes] = logits.shape;
  return differentiable([logits], ([logits], save) => {
    const losses = emptyTensor(backend, [rows]);
    const statistics = emptyTensor(backend, [rows, 2]);
    const { grid, row } = flatGrid(rows, 1);
    const uniforms = words(rows, classes, row, { f: NaN }, { f: scale });
    backend.run(forwardShader, [losses, statistics], [logits, labels], uniforms, grid);
    save([logits, labels, statistics]);
    const gradFunc = (dy: tf.Tensor, [logits, labels, statistics]: tf.Tensor[]): tf.Tensor[] => {
      const gradient = emptyTensor(backend, logits.shape);
      const { grid, row } = flatGrid(logits.size, 256);
      const uniforms = words(logits.size, classes, row, { f: scale });
      backend.run(backwardShader, [gradient], [logits, labels, statistics, dy], uniforms, grid);
      return [gradient];
    };
    return { value: tf.sum(losses), gradFunc };
  }) as tf.Scalar;
}

const threads = 256;

/** losses[r] = scale * (log sum exp(x - m) - (x[label] - m)), statistics[r] = m and log sum exp(x - m), m the largest. */
const forwardShader: Shader = {
  key: "cross entropy",
  outputs: 2,
  inputs: 2,
  code: () => `${declareBindings(
    ["losses", "statistics"],
    ["logits", "labels : i32"],
    ["rows", "classes", "row", "nan : f32", "scale : f32"],
  )}
var<workgroup> shared_pairs : array<vec2<f32>, ${threads}>;
fn is_nan(x : f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; } // comparisons may not tell
fn joined(a : vec2<f32>, b : vec2<f32>) -> vec2<f32> {
  let m = max(a.x, b.x);
  return vec2<f32>(m, a.y * exp(a.x - m) + b.y * exp(b.x - m));
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let r = group.y * u.row + group.x;
  if (r >= u.rows) { return; }
  let base = r * u.classes;
  var own = vec2<f32>(-3.4e38, 0.0); // the largest so far, and the sum of exp(x - it)
  for (var c = local; c < u.classes; c += ${threads}u) {
    let x = logits[base + c];
    if (is_nan(x)) { own.y = u.nan; }
    else if (x > own.x) { own = vec2<f32>(x, own.y * exp(own.x - x) + 1.0); } else { own.y += exp(x - own.x); }
  }
  shared_pairs[local] = own;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { shared_pairs[local] = joined(shared_pairs[local], shared_pairs[local + half]); }
  }
  if (local != 0u) { return; }
  let all = vec2<f32>(shared_pairs[0].x, log(shared_pairs[0].y));
  statistics[2u * r] = all.x;
  statistics[2u * r + 1u] = all.y;
  let label = labels[r];
  if (is_nan(shared_pairs[0].y) || label < 0 || label >= i32(u.classes)) { losses[r] = u.nan; return; }
  losses[r] = u.scale * (all.y - (logits[base + u32(label)] - all.x));
}`,
};

const backwardShader: Shader = {
  key: "cross entropy gradient",
  outputs: 1,
  inputs: 4,
  code: () => `${declareBindings(
    ["gradient"],
    ["logits", "labels : i32", "statistics", "dy"],
    ["n", "classes", "row", "scale : f32"],
  )}
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let r = i / u.classes;
  let p = exp(logits[i] - statistics[2u * r] - statistics[2u * r + 1u]);
  gradient[i] = (p - select(0.0, 1.0, i32(i % u.classes) == labels[r])) * dy[0] * u.scale;
}`,
};
