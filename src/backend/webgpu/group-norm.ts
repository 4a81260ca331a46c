import type * as tf from "@tensorflow/tfjs";
import { columnSums } from "./column-sums.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, pipelinedLoop, words, type Grid, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

const mostThreads = 256;
/** Neighbouring channels that are worth a workgroup: 64 bytes. */
const enoughChannels = 16;

/**
 * Group normalisation of x plus a shift, and Swish, see FusedOps: a workgroup per example and group, or several small groups side
 * by side, in one dispatch forward and two backward. As in the composed version the channels' own means are taken out first, so that the part of the shift that
 * normalisation cancels has a gradient of exactly 0.
 * @returns undefined for groups of more than 256 channels
 */
export function groupNorm(
  backend: PooledWebGpu,
  x: tf.Tensor4D,
  shift: tf.Tensor2D,
  gain: tf.Tensor,
  bias: tf.Tensor,
  groups: number,
  epsilon: number,
  swish: boolean,
): tf.Tensor4D | undefined {
  const [n, height, width, channels] = x.shape;
  const positions = height * width;
  const size = channels / groups;
  if (size > mostThreads || n > 65535) return undefined;
  let together = 1;
  while (together * size < enoughChannels && groups % (2 * together) === 0) together *= 2;
  const lanes = 2 ** Math.floor(Math.log2(Math.min(mostThreads / (together * size), Math.max(1, positions))));
  const grid: Grid = [groups / together, n, 1];
  const uniforms = words(positions, channels, { f: epsilon });
  const [forward, backward] = shadersOf(size, together, lanes, swish);
  return differentiable([x, shift, gain, bias], ([x, shift, gain, bias], save) => {
    const y = emptyTensor(backend, x.shape);
    const statistics = emptyTensor(backend, [n, channels, 2]);
    backend.run(forward, [y, statistics], [x, shift, gain, bias], uniforms, grid);
    save([x, statistics, gain, bias]);
    const gradFunc = (dy: tf.Tensor, [x, statistics, gain, bias]: tf.Tensor[]): tf.Tensor[] => {
      const dx = emptyTensor(backend, x.shape);
      const dShift = emptyTensor(backend, [n, channels]);
      const sums = emptyTensor(backend, [n, 2 * channels]);
      backend.run(backward, [dx, dShift, sums], [dy, x, statistics, gain, bias], uniforms, grid);
      const [dGain, dBias] = columnSums(backend, sums, n, [gain.shape, bias.shape]);
      return [dx, dShift, dGain, dBias];
    };
    return { value: y, gradFunc };
  }) as tf.Tensor4D;
}

/**
 * Threads are lanes x channels of the `together` groups of a workgroup. statistics[n, channel]: what is added to x (its channel's and its group's mean taken
 * out, the shift's difference from its group's put in), and 1 / deviation.
 */
function shadersOf(size: number, together: number, lanes: number, swish: boolean): [Shader, Shader] {
  const width = together * size;
  const name = `${size} x ${together} ${lanes}${swish ? " and Swish" : ""}`;
  const head = `
var<workgroup> group_values : array<f32, ${width}>;
/** The mean over the channels of a thread's group. */
fn group_mean(value : f32, local : u32) -> f32 {
  workgroupBarrier();
  if (local < ${width}u) { group_values[local] = value; }
  workgroupBarrier();
  let first = (local % ${width}u) / ${size}u * ${size}u;
  var sum = 0.0;
  for (var c = 0u; c < ${size}u; c++) { sum += group_values[first + c]; }
  return sum / ${size}.0;
}
@compute @workgroup_size(${lanes * width})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let c = group.x * ${width}u + local % ${width}u;
  let at = group.y * u.channels + c; // example and channel
  let base = group.y * u.positions * u.channels + c;
  let positions = f32(u.positions);`;
  const each = (body: string): string =>
    pipelinedLoop(
      "p",
      { first: `local / ${width}u`, end: "u.positions", step: `${lanes}u` },
      `let i = base + p * u.channels; ${body}`,
    );
  const fields = ["positions", "channels", "epsilon : f32"];
  const forward: Shader = {
    key: `group norm ${name}`,
    outputs: 2,
    inputs: 4,
    code: () => `${declareBindings(["y", "statistics"], ["x", "shift", "gain", "bias"], fields)}
${laneSum(lanes, width)}
${head}
  var sum = 0.0;
  ${each("sum += x[i];")}
  let mean = lane_sum(sum, local) / positions;
  let shifted = mean + shift[at];
  let offset = (shifted - group_mean(shifted, local)) - mean;
  var squares = 0.0;
  ${each("let d = x[i] + offset; squares += d * d;")}
  let variance = group_mean(lane_sum(squares, local) / positions, local);
  let inverse = inverseSqrt(variance + u.epsilon);
  ${each(`let v = (x[i] + offset) * inverse * gain[c] + bias[c];
    y[i] = ${swish ? "v / (1.0 + exp(-v))" : "v"};`)}
  if (local < ${width}u) { statistics[2u * at] = offset; statistics[2u * at + 1u] = inverse; }
}`,
  };
  const standardised = `let s = (x[i] + offset) * inverse;
    ${
      swish
        ? `let v = s * gain[c] + bias[c];
    let q = 1.0 / (1.0 + exp(-v));
    let d = dy[i] * q * (1.0 + v * (1.0 - q));`
        : "let d = dy[i];"
    }`;
  const backward: Shader = {
    key: `group norm gradient ${name}`,
    outputs: 3,
    inputs: 5,
    code: () => `${declareBindings(
      ["dx", "dShift", "sums"],
      ["dy", "x", "statistics", "gain", "bias"],
      fields,
    )}
${laneSum(lanes, width, "vec3<f32>")}
${head}
  let offset = statistics[2u * at];
  let inverse = statistics[2u * at + 1u];
  var own = vec3<f32>(0.0);
  ${each(`${standardised}
    own += vec3<f32>(d * s, d, s);`)}
  let sum = lane_sum(own, local);
  let along = group_mean(gain[c] * sum.x / positions, local);
  let dMean = (gain[c] * sum.y / positions - sum.z / positions * along) * inverse;
  let dMeans = group_mean(dMean, local);
  ${each(`${standardised}
    dx[i] = (d * gain[c] - s * along) * inverse - dMeans;`)}
  if (local >= ${width}u) { return; }
  dShift[at] = (dMean - dMeans) * positions;
  let to = 2u * group.y * u.channels + c;
  sums[to] = sum.x;
  sums[to + u.channels] = sum.y;
}`,
  };
  return [forward, backward];
}
