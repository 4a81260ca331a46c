import * as tf from "@tensorflow/tfjs";
import { columnSums } from "./column-sums.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

/**
 * Causal self-attention from projections [n, time, 3 width], see FusedOps. The batched products are TensorFlow's; around
 * them are kernels that lay the heads out (adding the bias and scaling the queries on the way), and one for mask and softmax.
 */
export function causalAttention(
  backend: PooledWebGpu,
  projected: tf.Tensor3D,
  bias: tf.Tensor,
  heads: number,
): tf.Tensor3D {
  const [n, time, triple] = projected.shape;
  const width = triple / 3;
  const size = width / heads;
  const scale = 1 / Math.sqrt(size);
  const { grid, row } = flatGrid(n * time * width, 256);
  const layout = words(n * time * width, row, time, width, size, { f: scale });
  const byHead: [number, number, number] = [n * heads, time, size];
  const turned = (shader: Shader, x: tf.Tensor, shape: readonly number[]): tf.Tensor => {
    const y = emptyTensor(backend, shape);
    backend.run(shader, [y], [x], layout, grid);
    return y;
  };
  const [softmax, softmaxGradient] = softmaxShaders(time);
  const rows = flatGrid(n * heads * time, 1);
  const rowWords = words(n * heads * time, rows.row, time);

  return differentiable([projected, bias], ([projected, bias], save) => {
    const parts = [0, 1, 2].map(() => emptyTensor(backend, byHead)) as tf.Tensor3D[];
    backend.run(splitShader, parts, [projected, bias], layout, grid);
    const [queries, keys, values] = parts;
    const scores = tf.matMul(queries, keys, false, true);
    const weights = emptyTensor(backend, scores.shape) as tf.Tensor3D;
    backend.run(softmax, [weights], [scores], rowWords, rows.grid);
    scores.dispose();
    save([queries, keys, values, weights]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [queries, keys, values, weights] = saved as tf.Tensor3D[];
      const dAttended = turned(toHeadsShader, dy, byHead) as tf.Tensor3D;
      const dValues = tf.matMul(weights, dAttended, true, false);
      const dWeights = tf.matMul(dAttended, values, false, true);
      const dScores = emptyTensor(backend, weights.shape) as tf.Tensor3D;
      backend.run(softmaxGradient, [dScores], [dWeights, weights], rowWords, rows.grid);
      const dQueries = tf.matMul(dScores, keys);
      const dKeys = tf.matMul(dScores, queries, true, false);
      const dProjected = emptyTensor(backend, projected.shape);
      backend.run(joinShader, [dProjected], [dQueries, dKeys, dValues], layout, grid);
      const [dBias] = columnSums(backend, dProjected, n * time, [bias.shape], [width, 2 * width]);
      return [dProjected, dBias];
    };
    const attended = tf.matMul(weights, values);
    return { value: turned(fromHeadsShader, attended, [n, time, width]), gradFunc };
  }) as tf.Tensor3D;
}

/** Places of an element of the queries, of n x time x width: in them by head, and in the projections. */
const places = `
struct Places { head : u32, projected : u32, column : u32 };
fn places(i : u32) -> Places {
  let column = i % u.width;
  let at = i / u.width; // example and time
  let heads = u.width / u.size;
  let head = (at / u.time) * heads + column / u.size;
  return Places((head * u.time + at % u.time) * u.size + column % u.size, at * 3u * u.width + column, column);
}`;

/** One thread for each element of n x time x width. */
function layoutShader(key: string, outputs: string[], inputs: string[], body: string): Shader {
  return {
    key,
    outputs: outputs.length,
    inputs: inputs.length,
    code: () => `${declareBindings(outputs, inputs, ["n", "row", "time", "width", "size", "scale : f32"])}
${places}
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let at = places(i);
  ${body}
}`,
  };
}

const splitShader = layoutShader(
  "attention heads",
  ["queries", "keys", "values"],
  ["projected", "bias"],
  `queries[at.head] = (projected[at.projected] + bias[at.column]) * u.scale;
  keys[at.head] = projected[at.projected + u.width];
  values[at.head] = projected[at.projected + 2u * u.width] + bias[at.column + 2u * u.width];`,
);
const joinShader = layoutShader(
  "attention heads gradient",
  ["projected"],
  ["queries", "keys", "values"],
  `projected[at.projected] = queries[at.head] * u.scale;
  projected[at.projected + u.width] = keys[at.head];
  projected[at.projected + 2u * u.width] = values[at.head];`,
);
const toHeadsShader = layoutShader("attention by head", ["y"], ["x"], "y[at.head] = x[i];");
const fromHeadsShader = layoutShader("attention by position", ["y"], ["x"], "y[i] = x[at.head];");

/** Softmax of each row over the columns up to its own time, 0 beyond, and its gradient: a workgroup per row. */
function softmaxShaders(time: number): [Shader, Shader] {
  const threads = 64;
  const held = Math.ceil(time / threads);
  const each = (body: string): string =>
    `for (var k = 0u; k < ${held}u; k++) { let c = k * ${threads}u + local; ${body} }`;
  const shader = (key: string, inputs: string[], shared: string, body: string): Shader => ({
    key: `${key} ${held}`,
    outputs: 1,
    inputs: inputs.length,
    code: () => `${declareBindings(["y"], inputs, ["rows", "row", "time"])}
${laneSum(threads)}
${shared}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let r = group.y * u.row + group.x;
  if (r >= u.rows) { return; }
  let base = r * u.time;
  let last = r % u.time;
  var v : array<f32, ${held}>;
  ${body}
}`,
  });
  const largest = `
var<workgroup> largest : array<f32, ${threads}>;
fn lane_max(value : f32, local : u32) -> f32 {
  largest[local] = value;
  for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { largest[local] = max(largest[local], largest[local + half]); }
  }
  workgroupBarrier();
  return largest[0];
}`;
  return [
    shader(
      "causal softmax",
      ["scores"],
      largest,
      `var most = -3.4e38;
  ${each("if (c <= last) { v[k] = scores[base + c]; most = max(most, v[k]); }")}
  let shift = lane_max(most, local);
  var sum = 0.0;
  ${each("if (c <= last) { v[k] = exp(v[k] - shift); sum += v[k]; }")}
  let total = lane_sum(sum, local);
  ${each("if (c < u.time) { y[base + c] = v[k] / total; }")}`,
    ),
    shader(
      "causal softmax gradient",
      ["dWeights", "weights"],
      "",
      `var w : array<f32, ${held}>;
  var sum = 0.0;
  ${each("if (c <= last) { w[k] = weights[base + c]; v[k] = dWeights[base + c] * w[k]; sum += v[k]; }")}
  let total = lane_sum(sum, local);
  ${each("if (c < u.time) { y[base + c] = v[k] - w[k] * total; }")}`,
    ),
  ];
}
