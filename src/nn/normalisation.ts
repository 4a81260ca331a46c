import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { nextStatistics } from "../backend/running-statistics.js";
import type { BatchNormOptions, BatchNormResult, RunningStatistics } from "../backend/fused.js";
import { constant, type Spec } from "./initialise.js";
import type { Parameters } from "./model.js";
import { get } from "./parameters.js";
import { swish } from "./swish.js";

/** PyTorch's default for batch, layer and group normalisation. */
export const EPSILON = 1e-5;
/** PyTorch's default: running = 0.9 running + 0.1 batch. */
export const MOMENTUM = 0.1;

/** `name.weight` (ones) and `name.bias` (zeros), one of each per channel. */
export function normSpecs(name: string, channels: number): Spec[] {
  return [
    { name: `${name}.weight`, shape: [channels], fill: constant(1) },
    { name: `${name}.bias`, shape: [channels], fill: constant(0) },
  ];
}

/** `name.running_mean` (zeros) and `name.running_var` (ones): buffers, not parameters. */
export function runningSpecs(name: string, channels: number): Spec[] {
  return [
    { name: `${name}.running_mean`, shape: [channels], fill: constant(0) },
    { name: `${name}.running_var`, shape: [channels], fill: constant(1) },
  ];
}

/** Normalises each vector of the last axis. x [..., channels] -> same shape. */
export function layerNorm(parameters: Parameters, name: string, x: tf.Tensor): tf.Tensor {
  const normalise = fused().layerNorm ?? composedLayerNorm;
  return normalise(x, get(parameters, `${name}.weight`), get(parameters, `${name}.bias`), EPSILON);
}

/** Layer normalisation (see FusedOps) in tfjs operations: what the fused versions must equal. */
export function composedLayerNorm(
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  return tf.add(tf.mul(standardise(x, [x.rank - 1], epsilon), gain), bias);
}

/**
 * Normalises each example's channels in `groups` groups, after adding `shift` to every position.
 * @param x [n, height, width, channels]
 * @param shift [n, channels]: what a conditioning layer adds
 * @param then.swish whether Swish follows
 * @returns the shape of `x`
 */
export function groupNorm(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  shift: tf.Tensor2D,
  groups: number,
  then: { readonly swish?: boolean } = {},
): tf.Tensor4D {
  const [gain, bias] = ["weight", "bias"].map((part) => get(parameters, `${name}.${part}`));
  const args = [x, shift, gain, bias, groups, EPSILON, then.swish ?? false] as const;
  return fused().groupNorm?.(...args) ?? composedGroupNorm(...args);
}

/** Group normalisation (see FusedOps) in tfjs operations: what the fused versions must equal. */
export function composedGroupNorm(
  x: tf.Tensor4D,
  shift: tf.Tensor2D,
  gain: tf.Tensor,
  bias: tf.Tensor,
  groups: number,
  epsilon: number,
  withSwish: boolean,
): tf.Tensor4D {
  const [n, height, width, channels] = x.shape;
  const standard = standardiseShifted(
    tf.reshape(x, [n, height * width, groups, channels / groups]),
    tf.reshape(shift, [n, 1, groups, channels / groups]),
    epsilon,
  );
  const y = tf.add<tf.Tensor4D>(tf.mul(tf.reshape(standard, x.shape), gain), bias);
  return withSwish ? swish(y) : y;
}

/** What batch normalisation in training mode gives: the activations, and the next running statistics by buffer name. */
export interface BatchNormalised {
  readonly y: tf.Tensor4D;
  readonly running: Parameters;
}

/** What is done around a batch normalisation. */
export interface AroundBatchNorm {
  /** [channels]: the bias of the convolution before, which gives x without it. */
  readonly shift?: tf.Tensor;
  /** Whether max(y, 0) follows. */
  readonly relu?: boolean;
}

/**
 * Batch normalisation in training mode: by the batch's own mean and (biased) variance over examples and positions.
 * The running statistics take `momentum` (default 0.1) of the batch's mean and unbiased variance.
 * @param x [n, height, width, channels]
 */
export function batchNorm(
  parameters: Parameters,
  buffers: Parameters,
  name: string,
  x: tf.Tensor4D,
  { momentum = MOMENTUM, shift, relu = false }: AroundBatchNorm & { readonly momentum?: number } = {},
): BatchNormalised {
  const [gain, bias] = ["weight", "bias"].map((part) => get(parameters, `${name}.${part}`));
  const [mean, variance] = [`${name}.running_mean`, `${name}.running_var`];
  const before = { mean: get(buffers, mean), variance: get(buffers, variance) };
  const normalise = fused().batchNorm ?? composedBatchNorm;
  const { y, running } = normalise(x, gain, bias, before, { momentum, epsilon: EPSILON, relu, shift });
  const next = new Map([
    [mean, running.mean],
    [variance, running.variance],
  ]);
  return { y: y as tf.Tensor4D, running: next };
}

/** Batch normalisation (see FusedOps) in tfjs operations: what the fused versions must equal. */
export function composedBatchNorm(
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  running: RunningStatistics,
  { momentum, epsilon, relu, shift }: BatchNormOptions,
): BatchNormResult {
  const channels = gain.size;
  const count = x.size / channels;
  let moments: Moments | undefined;
  const rows = tf.reshape(shift ? tf.add(x, shift) : x, [count, channels]);
  const standard = standardise(rows, [0], epsilon, (found) => (moments = found));
  const y = tf.reshape(tf.add(tf.mul(standard, gain), bias), x.shape);
  const { mean, variance } = moments!;
  const next = nextStatistics(running, { mean, variance }, count, momentum);
  tf.dispose([mean, variance]);
  return { y: relu ? tf.relu(y) : y, running: next };
}

/** Batch normalisation in evaluation mode: by the running statistics. */
export function batchNormEval(
  parameters: Parameters,
  buffers: Parameters,
  name: string,
  x: tf.Tensor4D,
  { shift, relu = false }: AroundBatchNorm = {},
): tf.Tensor4D {
  const [gain, bias] = ["weight", "bias"].map((part) => get(parameters, `${name}.${part}`));
  const [mean, variance] = ["mean", "var"].map((part) => get(buffers, `${name}.running_${part}`));
  const evaluate = fused().batchNormEval ?? composedBatchNormEval;
  return evaluate(x, gain, bias, { mean, variance }, { epsilon: EPSILON, relu, shift }) as tf.Tensor4D;
}

/** Batch normalisation by running statistics (see FusedOps) in tfjs operations: what the fused versions must equal. */
export function composedBatchNormEval(
  x: tf.Tensor,
  gain: tf.Tensor,
  bias: tf.Tensor,
  { mean, variance }: RunningStatistics,
  { epsilon, relu, shift }: Omit<BatchNormOptions, "momentum">,
): tf.Tensor {
  const factor = tf.div(gain, tf.sqrt(tf.add(variance, epsilon)));
  const offset = tf.sub(bias, tf.mul(mean, factor));
  const y = tf.add(tf.mul(shift ? tf.add(x, shift) : x, factor), offset);
  return relu ? tf.relu(y) : y;
}

interface Moments {
  readonly mean: tf.Tensor;
  readonly variance: tf.Tensor;
}

/**
 * (x - mean) / sqrt(variance + epsilon), moments taken over `axes`. One node of the tape with its gradient in closed
 * form, dx = (dy - mean(dy) - y mean(dy y)) / deviation: a third of the operations that the composed form records.
 * @param report receives mean and (biased) variance, kept: the receiver disposes them
 */
function standardise(
  x: tf.Tensor,
  axes: number[],
  epsilon: number,
  report?: (moments: Moments) => void,
): tf.Tensor {
  const mean = (t: tf.Tensor): tf.Tensor => tf.mean(t, axes, true);
  const operation = tf.customGrad((input, save) => {
    const centre = mean(input as tf.Tensor);
    const centred = tf.sub(input as tf.Tensor, centre);
    const variance = mean(tf.square(centred));
    report?.({ mean: tf.keep(centre), variance: tf.keep(variance) });
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    const value = tf.mul(centred, inverse);
    (save as tf.GradSaveFunc)([value, inverse]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [y, inverseDeviation] = saved;
        const along = tf.mul(y, mean(tf.mul(dy, y)));
        return tf.mul(tf.sub(tf.sub(dy, mean(dy)), along), inverseDeviation);
      },
    };
  });
  return operation(x);
}

/**
 * Standardises x + shift over positions and the channels of a group, as `standardise` would, but with the channels'
 * means taken out first. So the part of a shift that normalisation cancels (all of it, where a group is one channel) has
 * a gradient of exactly 0 instead of rounding noise, which Adam would blow up to full steps.
 * @param x [n, positions, groups, size]
 * @param shift [n, 1, groups, size]
 */
function standardiseShifted(x: tf.Tensor, shift: tf.Tensor, epsilon: number): tf.Tensor {
  const positions = x.shape[1]!;
  const overPositions = (t: tf.Tensor): tf.Tensor => tf.mean(t, 1, true);
  const centreInGroup = (t: tf.Tensor): tf.Tensor => tf.sub(t, tf.mean(t, 3, true));
  const overGroup = (t: tf.Tensor): tf.Tensor => tf.mean(overPositions(t), 3, true);
  const operation = tf.customGrad((input, added, save) => {
    const means = overPositions(input as tf.Tensor);
    const between = centreInGroup(tf.add(means, added as tf.Tensor));
    const centred = tf.add(input as tf.Tensor, tf.sub(between, means));
    const inverse = tf.rsqrt(tf.add(overGroup(tf.square(centred)), epsilon));
    const value = tf.mul(centred, inverse);
    (save as tf.GradSaveFunc)([value, inverse]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [y, inverseDeviation] = saved;
        const dCentred = tf.mul(tf.sub(dy, tf.mul(y, overGroup(tf.mul(dy, y)))), inverseDeviation);
        const dMeans = overPositions(dCentred);
        const dBetween = centreInGroup(dMeans); // per position; a shift acts on all of them
        return [tf.add(dCentred, tf.sub(dBetween, dMeans)), tf.mul(dBetween, positions)];
      },
    };
  });
  return operation(x, shift);
}
