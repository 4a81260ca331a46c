import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { constant, fanIn, xavier, type Spec } from "./initialise.js";
import { affine, linear } from "./linear.js";
import type { Parameters } from "./model.js";
import { get } from "./parameters.js";

/** PyTorch's MultiheadAttention: one in-projection (3 width x width: queries, keys, values) and an output projection. */
export function attentionSpecs(name: string, width: number): Spec[] {
  return [
    { name: `${name}.in_proj_weight`, shape: [3 * width, width], fill: xavier(width, 3 * width) },
    { name: `${name}.in_proj_bias`, shape: [3 * width], fill: constant(0) },
    { name: `${name}.out_proj.weight`, shape: [width, width], fill: fanIn(width) },
    { name: `${name}.out_proj.bias`, shape: [width], fill: constant(0) },
  ];
}

/** Causal self-attention. x [n, time, width] -> same shape; a position attends to itself and those before. */
export function causalAttention(
  parameters: Parameters,
  name: string,
  x: tf.Tensor3D,
  heads: number,
): tf.Tensor3D {
  const [n, time, width] = x.shape;
  const projected = tf.reshape(affine(x, get(parameters, `${name}.in_proj_weight`)), [n, time, 3 * width]);
  const attend = fused().causalAttention ?? composedCausalAttention;
  const attended = attend(projected as tf.Tensor3D, get(parameters, `${name}.in_proj_bias`), heads);
  return linear(parameters, `${name}.out_proj`, attended) as tf.Tensor3D;
}

/** Causal attention (see FusedOps) in tfjs operations: what the fused versions must equal. */
export function composedCausalAttention(projected: tf.Tensor3D, bias: tf.Tensor, heads: number): tf.Tensor3D {
  const [n, time, triple] = projected.shape;
  const width = triple / 3;
  const size = width / heads;
  // All heads of queries, keys and values are turned by one transpose of rank 4: that of rank 5 crawls on WASM.
  const turned = tf.transpose(
    tf.reshape(tf.add(projected, usedBias(bias)), [n, time, 3 * heads, size]),
    [0, 2, 1, 3],
  );
  const [queries, keys, values] = tf
    .split(tf.reshape(turned, [n, 3 * heads * time * size]), 3, 1)
    .map((part) => tf.reshape(part, [n, heads, time, size]));
  const scores = tf.mul(tf.matMul(queries, keys, false, true), 1 / Math.sqrt(size));
  const weights = tf.softmax(tf.add(scores, causalMask(time)));
  const attended = tf.transpose(tf.matMul(weights, values), [0, 2, 1, 3]);
  return tf.reshape(attended, [n, time, width]);
}

/**
 * Queries, keys and values of x [..., width], side by side: [..., 3 width].
 */
export function inProjection(parameters: Parameters, name: string, x: tf.Tensor): tf.Tensor {
  return affine(
    x,
    get(parameters, `${name}.in_proj_weight`),
    usedBias(get(parameters, `${name}.in_proj_bias`)),
  );
}

/**
 * The bias of queries, keys and values [3 width] without that of the keys, which adds the same to all scores of a query,
 * which the softmax cancels: it is left out, so that its gradient is exactly 0 instead of rounding noise, which Adam would
 * blow up to full steps.
 */
function usedBias(bias: tf.Tensor): tf.Tensor {
  const width = bias.size / 3;
  return tf.concat([tf.slice(bias, 0, width), tf.zeros([width]), tf.slice(bias, 2 * width, width)]);
}

/** [time, time]: 0 on and below the diagonal, so low above it that its softmax is 0. */
function causalMask(time: number): tf.Tensor2D {
  const position = tf.range(0, time);
  const ahead = tf.sub(tf.reshape(position, [1, time]), tf.reshape(position, [time, 1]));
  return tf.mul(tf.clipByValue(ahead, 0, 1), -1e9); // arithmetic: comparisons that broadcast crawl on WASM
}
