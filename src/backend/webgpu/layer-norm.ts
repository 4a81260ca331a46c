import type * as tf from "@tensorflow/tfjs";
import { columnSums } from "./column-sums.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

/** Workgroups that share the rows of a backward pass; each leaves one partial sum for each column. */
const enoughGroups = 256;

/**
 * Normalises the rows of x [..., channels], see FusedOps. Forward: a workgroup per row, which holds it in registers. Backward: a
 * workgroup for every 256th row, which sums the gradients of gain and bias on the way.
 */
export function layerNorm(
  backend: PooledWebGpu,
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  const channels = gain.size;
  const rows = x.size / channels;
  const [forward, backward] = shadersOf(channels);
  return differentiable([x, gain, bias], ([x, gain, bias], save) => {
    const y = emptyTensor(backend, x.shape);
    const statistics = emptyTensor(backend, [rows, 2]);
    const { grid, row } = flatGrid(rows, 1);
    const uniforms = words(rows, channels, row, { f: epsilon });
    backend.run(forward, [y, statistics], [x, gain, bias], uniforms, grid);
    save([x, gain, statistics]);
    const gradFunc = (dy: tf.Tensor, [x, gain, statistics]: tf.Tensor[]): tf.Tensor[] => {
      const groups = Math.min(rows, enoughGroups);
      const dx = emptyTensor(backend, x.shape);
      const partial = emptyTensor(backend, [groups, 2 * channels]);
      backend.run(backward, [dx, partial], [dy, x, gain, statistics], words(rows, channels, groups), [
        groups,
        1,
        1,
      ]);
      const [dGain, dBias] = columnSums(backend, partial, groups, [gain.shape, bias.shape]);
      return [dx, dGain, dBias];
    };
    return { value: y, gradFunc };
  });
}

/** Forward and backward for rows of so many channels: each of `threads` threads holds every threads-th. */
function shadersOf(channels: number): [Shader, Shader] {
  const threads = Math.max(32, Math.min(256, 2 ** Math.ceil(Math.log2(channels))));
  const held = Math.ceil(channels / threads);
  const each = (body: string): string =>
    `for (var k = 0u; k < ${held}u; k++) { let c = k * ${threads}u + local; if (c < u.channels) { ${body} } }`;
  const head = `@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32)`;
  const forward: Shader = {
    key: `layer norm ${threads} ${held}`,
    outputs: 2,
    inputs: 3,
    code: () => `${declareBindings(
      ["y", "statistics"],
      ["x", "gain", "bias"],
      ["rows", "channels", "row", "epsilon : f32"],
    )}
${laneSum(threads)}
${head} {
  let r = group.y * u.row + group.x;
  if (r >= u.rows) { return; }
  let base = r * u.channels;
  var v : array<f32, ${held}>;
  var sum = 0.0;
  ${each("v[k] = x[base + c]; sum += v[k];")}
  let mean = lane_sum(sum, local) / f32(u.channels);
  var squares = 0.0;
  ${each("v[k] -= mean; squares += v[k] * v[k];")}
  let inverse = inverseSqrt(lane_sum(squares, local) / f32(u.channels) + u.epsilon);
  ${each("y[base + c] = v[k] * inverse * gain[c] + bias[c];")}
  if (local == 0u) { statistics[2u * r] = mean; statistics[2u * r + 1u] = inverse; }
}`,
  };
  const backward: Shader = {
    key: `layer norm gradient ${threads} ${held}`,
    outputs: 2,
    inputs: 4,
    code: () => `${declareBindings(
      ["dx", "sums"],
      ["dy", "x", "gain", "statistics"],
      ["rows", "channels", "groups"],
    )}
${laneSum(threads, 1, "vec2<f32>")}
${head} {
  var g : array<f32, ${held}>; // of the standardised row
  var s : array<f32, ${held}>; // the standardised row
  var dGain : array<f32, ${held}>;
  var dBias : array<f32, ${held}>;
  for (var r = group.x; r < u.rows; r += u.groups) {
    let base = r * u.channels;
    let mean = statistics[2u * r];
    let inverse = statistics[2u * r + 1u];
    var own = vec2<f32>(0.0);
    ${each(`let d = dy[base + c];
      s[k] = (x[base + c] - mean) * inverse;
      g[k] = d * gain[c];
      dGain[k] += d * s[k];
      dBias[k] += d;
      own += vec2<f32>(g[k], g[k] * s[k]);`)}
    let means = lane_sum(own, local) / f32(u.channels);
    ${each("dx[base + c] = (g[k] - means.x - s[k] * means.y) * inverse;")}
  }
  let to = group.x * 2u * u.channels;
  ${each("sums[to + c] = dGain[k]; sums[to + u.channels + c] = dBias[k];")}
}`,
  };
  return [forward, backward];
}
