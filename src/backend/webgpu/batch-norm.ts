import * as tf from "@tensorflow/tfjs";
import type { BatchNormOptions, BatchNormResult, RunningStatistics } from "../fused.js";
import { columnSums, columnThreads, columnTiles, overRows } from "./column-sums.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

/**
 * Batch normalisation in training mode, see FusedOps, in three dispatches each way: sums of parts of the rows, the sums of these,
 * and one pass over all elements. Variances are those about the mean of each part, joined exactly (Chan et al. 1983).
 */
export function batchNorm(
  backend: PooledWebGpu,
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  running: RunningStatistics,
  { momentum, epsilon, relu, shift }: BatchNormOptions,
): BatchNormResult {
  const channels = gain.size;
  const rows = x.size / channels;
  const { width, lanes, parts, chunk, grid } = columnTiles(rows, channels);
  const partial = emptyTensor(backend, [parts, 2, channels]);
  backend.run(momentsShader(width, lanes), [partial], [x], words(rows, channels, chunk), grid);
  const statistics = emptyTensor(backend, [2, channels]);
  const [mean, variance] = [running.mean, running.variance].map(({ shape }) => emptyTensor(backend, shape));
  backend.run(
    shift ? shiftedStatisticsShader : statisticsShader,
    [statistics, mean, variance],
    [partial, running.mean, running.variance, ...(shift ? [shift] : [])],
    words(rows, channels, chunk, parts, { f: epsilon }, { f: momentum }, { f: rows / Math.max(1, rows - 1) }),
    [Math.ceil(channels / statisticsWidth), 1, 1],
  );
  partial.dispose();

  const y = normalise(backend, x, gain, bias, statistics, { relu, shift, ofBatch: true });
  statistics.dispose();
  return { y, running: { mean, variance } };
}

/** Batch normalisation by the running statistics, see FusedOps: one pass over all elements, and one over the channels. */
export function batchNormEval(
  backend: PooledWebGpu,
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  running: RunningStatistics,
  { epsilon, relu, shift }: Omit<BatchNormOptions, "momentum">,
): tf.Tensor {
  const statistics = emptyTensor(backend, [2, gain.size]);
  backend.run(
    runningStatisticsShader(shift !== undefined),
    [statistics],
    [running.mean, running.variance, ...(shift ? [shift] : [])],
    words(gain.size, { f: epsilon }),
    [Math.ceil(gain.size / 64), 1, 1],
  );
  const y = normalise(backend, x, gain, bias, statistics, { relu, shift, ofBatch: false });
  statistics.dispose();
  return y;
}

/**
 * (x - mean) / deviation * gain + bias, then ReLU if wanted.
 * @param statistics [2, channels]: mean and 1 / deviation
 * @param around.ofBatch whether they are those of x, and so depend on it; else `shift` is taken off the mean already
 */
function normalise(
  backend: PooledWebGpu,
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  statistics: tf.Tensor,
  { relu, shift, ofBatch }: { relu: boolean; shift?: tf.Tensor; ofBatch: boolean },
): tf.Tensor {
  const channels = gain.size;
  const rows = x.size / channels;
  const flat = flatGrid(x.size, 256);
  const elements = words(x.size, flat.row, channels, { f: ofBatch ? 1 / rows : 0 });
  const inputs = shift ? [x, gain, bias, shift] : [x, gain, bias];
  return differentiable(inputs, ([x, gain, bias], save) => {
    const value = emptyTensor(backend, x.shape);
    backend.run(applyShader(relu), [value], [x, statistics, gain, bias], elements, flat.grid);
    save([x, statistics, gain, bias]);
    const gradFunc = (dy: tf.Tensor, [x, statistics, gain, bias]: tf.Tensor[]): tf.Tensor[] => {
      const { width, lanes, parts, chunk, grid } = columnTiles(rows, channels);
      const sums = emptyTensor(backend, [parts, 2 * channels]);
      const read = [dy, x, statistics, gain, bias];
      backend.run(sumsShader(width, lanes, relu), [sums], read, words(rows, channels, chunk), grid);
      const [dGain, dBias] = columnSums(backend, sums, parts, [gain.shape, bias.shape]);
      const dx = emptyTensor(backend, x.shape);
      backend.run(gradientShader(relu), [dx], [...read, dGain, dBias], elements, flat.grid);
      if (!shift) return [dx, dGain, dBias];
      if (ofBatch) return [dx, dGain, dBias, tf.zeros(shift.shape)];
      const inverse = tf.reshape(tf.slice(statistics, [1, 0], [1, channels]), shift.shape);
      return [dx, dGain, dBias, tf.mul(dBias, tf.mul(gain, inverse))];
    };
    return { value, gradFunc };
  });
}

const head = `
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32)`;

/** Mean, and sum of squares about it, of each part of the rows: [parts, 2, channels]. */
function momentsShader(width: number, lanes: number): Shader {
  return {
    key: `batch norm moments ${width}`,
    outputs: 1,
    inputs: 1,
    code: () => `${declareBindings(["moments"], ["x"], ["rows", "channels", "chunk"])}
${laneSum(lanes, width)}
@compute @workgroup_size(${columnThreads}) ${head} {
  let c = group.x * ${width}u + local % ${width}u;
  let start = group.y * u.chunk;
  let end = select(start, min(u.rows, start + u.chunk), c < u.channels);
  var sum = 0.0;
  ${overRows({ width, lanes }, "sum += x[r * u.channels + c];")}
  let mean = lane_sum(sum, local) / f32(end - start);
  var squares = 0.0;
  ${overRows({ width, lanes }, "let d = x[r * u.channels + c] - mean; squares += d * d;")}
  squares = lane_sum(squares, local);
  if (local >= ${width}u || c >= u.channels) { return; }
  moments[2u * group.y * u.channels + c] = mean;
  moments[(2u * group.y + 1u) * u.channels + c] = squares;
}`,
  };
}

const statisticsWidth = 8;

/** Joins the parts: mean and 1 / deviation of each channel, and the next running mean and (unbiased) variance. */
function statisticsShaderOf(shifted: boolean): Shader {
  const lanes = columnThreads / statisticsWidth;
  const each = (body: string): string => `
  for (var p = local / ${statisticsWidth}u; p < u.parts && c < u.channels; p += ${lanes}u) {
    let count = f32(min(u.chunk, u.rows - p * u.chunk));
    let at = 2u * p * u.channels + c;
    ${body}
  }`;
  return {
    key: `batch norm statistics${shifted ? ", shifted" : ""}`,
    outputs: 3,
    inputs: shifted ? 4 : 3,
    code: () => `${declareBindings(
      ["statistics", "mean1", "variance1"],
      ["moments", "mean0", "variance0", ...(shifted ? ["shift"] : [])],
      ["rows", "channels", "chunk", "parts", "epsilon : f32", "momentum : f32", "unbiased : f32"],
    )}
${laneSum(lanes, statisticsWidth)}
@compute @workgroup_size(${columnThreads}) ${head} {
  let c = group.x * ${statisticsWidth}u + local % ${statisticsWidth}u;
  var own = 0.0;
  ${each("own += count * moments[at];")}
  let mean = lane_sum(own, local) / f32(u.rows);
  own = 0.0;
  ${each("let d = moments[at] - mean; own += moments[at + u.channels] + count * d * d;")}
  let variance = lane_sum(own, local) / f32(u.rows);
  if (local >= ${statisticsWidth}u || c >= u.channels) { return; }
  statistics[c] = mean;
  statistics[u.channels + c] = inverseSqrt(variance + u.epsilon);
  mean1[c] = mean0[c] * (1.0 - u.momentum) + (mean${shifted ? " + shift[c]" : ""}) * u.momentum;
  variance1[c] = variance0[c] * (1.0 - u.momentum) + variance * u.unbiased * u.momentum;
}`,
  };
}
const statisticsShader = statisticsShaderOf(false);
const shiftedStatisticsShader = statisticsShaderOf(true);

/** Mean, less the shift, and 1 / deviation of each channel, from the running ones. */
function runningStatisticsShader(shifted: boolean): Shader {
  return {
    key: `batch norm running statistics${shifted ? ", shifted" : ""}`,
    outputs: 1,
    inputs: shifted ? 3 : 2,
    code: () => `${declareBindings(
      ["statistics"],
      ["mean", "variance", ...(shifted ? ["shift"] : [])],
      ["channels", "epsilon : f32"],
    )}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let c = id.x;
  if (c >= u.channels) { return; }
  statistics[c] = mean[c]${shifted ? " - shift[c]" : ""};
  statistics[u.channels + c] = inverseSqrt(variance[c] + u.epsilon);
}`,
  };
}

/** `s`, x[i] of channel c standardised, and `v`, what follows from it before a ReLU. */
const standardised = `let s = (x[i] - statistics[c]) * statistics[u.channels + c];
  let v = s * gain[c] + bias[c];`;

const elementFields = ["n", "row", "channels", "share : f32"]; // share: 1 / rows; 0 where the statistics do not depend on x
const elementHead = `@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let c = i % u.channels;
  ${standardised}`;

function applyShader(relu: boolean): Shader {
  return {
    key: `batch norm${relu ? " and ReLU" : ""}`,
    outputs: 1,
    inputs: 4,
    code: () => `${declareBindings(["y"], ["x", "statistics", "gain", "bias"], elementFields)}
${elementHead}
  y[i] = ${relu ? "select(v, 0.0, v < 0.0)" : "v"};
}`,
  };
}

/** Sums over each part of the rows: [parts, 2, channels], the gradient of the gain, then that of the bias. */
function sumsShader(width: number, lanes: number, relu: boolean): Shader {
  return {
    key: `batch norm gradient sums ${width} ${relu}`,
    outputs: 1,
    inputs: 5,
    code: () => `${declareBindings(
      ["sums"],
      ["dy", "x", "statistics", "gain", "bias"],
      ["rows", "channels", "chunk"],
    )}
${laneSum(lanes, width, "vec2<f32>")}
@compute @workgroup_size(${columnThreads}) ${head} {
  let c = group.x * ${width}u + local % ${width}u;
  let start = group.y * u.chunk;
  let end = select(start, min(u.rows, start + u.chunk), c < u.channels);
  var own = vec2<f32>(0.0);
  ${overRows(
    { width, lanes },
    `let i = r * u.channels + c;
    ${standardised}
    let d = ${relu ? "select(0.0, dy[i], v > 0.0)" : "dy[i]"};
    own += vec2<f32>(d * s, d);`,
  )}
  let sum = lane_sum(own, local);
  if (local >= ${width}u || c >= u.channels) { return; }
  sums[2u * group.y * u.channels + c] = sum.x;
  sums[(2u * group.y + 1u) * u.channels + c] = sum.y;
}`,
  };
}

function gradientShader(relu: boolean): Shader {
  return {
    key: `batch norm gradient ${relu}`,
    outputs: 1,
    inputs: 7,
    code: () => `${declareBindings(
      ["dx"],
      ["dy", "x", "statistics", "gain", "bias", "dGain", "dBias"],
      elementFields,
    )}
${elementHead}
  let d = ${relu ? "select(0.0, dy[i], v > 0.0)" : "dy[i]"};
  dx[i] = (d - (dBias[c] + s * dGain[c]) * u.share) * gain[c] * statistics[u.channels + c];
}`,
  };
}
