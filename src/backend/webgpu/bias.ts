import * as tf from "@tensorflow/tfjs";
import { columnSums, columnThreads, columnTiles, overRows } from "./column-sums.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

/** x + bias, see FusedOps: one pass forward; backward none but for the bias's sum, or one with ReLU. */
export function addBias(backend: PooledWebGpu, x: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return differentiable([x, bias], ([x, bias]) => ({
    value: forward(backend, plainShader, x, [bias]),
    gradFunc: (dy) => [dy, biasGradient(backend, dy, bias.shape)],
  }));
}

/** residual + (x + bias), see FusedOps. */
export function addBiasAndResidual(
  backend: PooledWebGpu,
  x: tf.Tensor,
  bias: tf.Tensor,
  residual: tf.Tensor,
): tf.Tensor {
  return differentiable([x, bias, residual], ([x, bias, residual]) => ({
    value: forward(backend, residualShader, x, [bias, residual]),
    gradFunc: (dy) => [dy, biasGradient(backend, dy, bias.shape), dy],
  }));
}

/** max(x + bias, 0), see FusedOps. */
export function addBiasAndRelu(backend: PooledWebGpu, x: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return differentiable([x, bias], ([x, bias], save) => {
    const y = forward(backend, reluShader, x, [bias]);
    save([y]);
    const gradFunc = (dy: tf.Tensor, [y]: tf.Tensor[]): tf.Tensor[] => {
      const [columns, rows] = [bias.size, x.size / bias.size];
      const { width, lanes, parts, chunk, grid } = columnTiles(rows, columns);
      const dx = emptyTensor(backend, y.shape);
      const partial = emptyTensor(backend, [parts, columns]);
      const shader = reluGradientShader(width, lanes);
      backend.run(shader, [dx, partial], [dy, y], words(rows, columns, chunk), grid);
      const [dBias] = columnSums(backend, partial, parts, [bias.shape]);
      return [dx, dBias];
    };
    return { value: y, gradFunc };
  });
}

/** More rows than this are summed in two passes. */
const mostRows = 8192;

function biasGradient(backend: PooledWebGpu, dy: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const columns = shape[0];
  const rows = dy.size / columns;
  if (rows <= mostRows) return columnSums(backend, dy, rows, [shape])[0];
  return tf.sum(tf.reshape(dy, [rows, columns]), 0);
}

function forward(
  backend: PooledWebGpu,
  shader: Shader,
  x: tf.Tensor,
  others: readonly tf.Tensor[],
): tf.Tensor {
  const y = emptyTensor(backend, x.shape);
  const { grid, row } = flatGrid(x.size, 256);
  backend.run(shader, [y], [x, ...others], words(x.size, row, others[0].size), grid);
  return y;
}

/** y[i] from `v`, which is x + bias there. */
function elementwise(key: string, inputs: readonly string[], y: string): Shader {
  return {
    key,
    outputs: 1,
    inputs: 2 + inputs.length,
    code: () => `${declareBindings(["y"], ["x", "bias", ...inputs], ["n", "row", "columns"])}
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let v = x[i] + bias[i % u.columns];
  y[i] = ${y};
}`,
  };
}

const plainShader = elementwise("bias", [], "v");
const residualShader = elementwise("bias and residual", ["residual"], "residual[i] + v");
const reluShader = elementwise("bias and ReLU", [], "select(v, 0.0, v < 0.0)"); // NaN stays NaN

/** dx = dy where y > 0, and its sums over the rows of each part. */
function reluGradientShader(width: number, lanes: number): Shader {
  return {
    key: `bias and ReLU gradient ${width}`,
    outputs: 2,
    inputs: 2,
    code: () => `${declareBindings(["dx", "sums"], ["dy", "y"], ["rows", "columns", "chunk"])}
${laneSum(lanes, width)}
@compute @workgroup_size(${columnThreads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let c = group.x * ${width}u + local % ${width}u;
  let start = group.y * u.chunk;
  let end = select(start, min(u.rows, start + u.chunk), c < u.columns);
  var own = 0.0;
  ${overRows(
    { width, lanes },
    `let i = r * u.columns + c;
    let d = select(0.0, dy[i], y[i] > 0.0);
    dx[i] = d;
    own += d;`,
  )}
  let sum = lane_sum(own, local);
  if (local < ${width}u && c < u.columns) { sums[group.y * u.columns + c] = sum; }
}`,
  };
}
