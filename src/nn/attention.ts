import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { embed } from "./embedding.js";
import { constant, fanIn, xavier, type Spec } from "./initialise.js";
import { type Epilogue, linear, product } from "./linear.js";
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
  then?: Epilogue,
): tf.Tensor3D {
  const [n, time, width] = x.shape;
  const projected = tf.reshape(product(x, get(parameters, `${name}.in_proj_weight`)), [n, time, 3 * width]);
  const attend = fused().causalAttention ?? composedCausalAttention;
  const attended = attend(projected as tf.Tensor3D, get(parameters, `${name}.in_proj_bias`), heads);
  return linear(parameters, `${name}.out_proj`, attended, then) as tf.Tensor3D;
}

/**
 * Attention of the last of a few positions to all of them, where the input is a function of token and position: queries, keys and
 * values are projected once for each of them, and looked up.
 * @param x [positions * vocabulary, width]: what the layer reads of each token at the first position, then at the next
 * @param tokens int32 [n, positions], each in [0, vocabulary)
 * @returns [n, width], before the output projection
 */
export function lastAttention(
  parameters: Parameters,
  name: string,
  x: tf.Tensor2D,
  tokens: tf.Tensor2D,
  heads: number,
): tf.Tensor2D {
  const projected = product(x, get(parameters, `${name}.in_proj_weight`));
  const bias = get(parameters, `${name}.in_proj_bias`);
  return (
    fused().lastAttention?.(projected, bias, tokens, heads) ??
    composedLastAttention(projected, bias, tokens, heads)
  );
}

/**
 * Queries, keys and values with their bias. That of the keys adds the same to all scores of a query, which the softmax cancels:
 * it is left out, so that its gradient is exactly 0 instead of rounding noise, which Adam would blow up to full steps.
 * @param projected [..., 3 width]
 */
function withBias(projected: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const width = bias.size / 3;
  const used = tf.concat([tf.slice(bias, 0, width), tf.zeros([width]), tf.slice(bias, 2 * width, width)]);
  return tf.add(projected, used);
}

/** Causal attention (see FusedOps) in tfjs operations: what the fused versions must equal. */
export function composedCausalAttention(projected: tf.Tensor3D, bias: tf.Tensor, heads: number): tf.Tensor3D {
  const [n, time, triple] = projected.shape;
  const width = triple / 3;
  const size = width / heads;
  // All heads of queries, keys and values are turned by one transpose of rank 4: that of rank 5 crawls on WASM.
  const turned = tf.transpose(
    tf.reshape(withBias(projected, bias), [n, time, 3 * heads, size]),
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
 * Attention of the last position (see FusedOps) in tfjs operations: what the fused versions must equal. Sums within heads are
 * products with a 0/1 matrix, which every backend does fast, where batches of tiny products are slow.
 */
export function composedLastAttention(
  projected: tf.Tensor2D,
  bias: tf.Tensor,
  tokens: tf.Tensor2D,
  heads: number,
): tf.Tensor2D {
  const [count, positions] = tokens.shape;
  const vocabulary = projected.shape[0] / positions;
  const width = projected.shape[1] / 3;
  const first = tf.tensor1d(Array.from({ length: positions }, (_, p) => p * vocabulary), "int32"); // prettier-ignore
  const rows = tf.transpose(tf.add(tokens, first)); // [positions, n]: position and token -> row
  const last = tf.slice(rows, [positions - 1, 0], [1, count]);
  const tables = tf.split(withBias(projected, bias), 3, 1) as tf.Tensor2D[];
  const [queries, keys, values] = [last, rows, rows].map((at, i) => embed(tables[i], at));

  const member = new Float32Array(width * heads); // width x heads: which head an element belongs to
  for (let i = 0; i < width; i++) member[i * heads + Math.floor((i * heads) / width)] = 1;
  const toHeads = tf.tensor2d(member, [width, heads]);
  const query = tf.mul(queries, 1 / Math.sqrt(width / heads));
  const products = tf.reshape(tf.mul(keys, query), [positions * count, width]);
  const scores = tf.reshape(tf.matMul(products as tf.Tensor2D, toHeads), [positions, count * heads]);
  const weights = tf.transpose(tf.softmax(tf.transpose(scores)));
  const spread = tf.matMul(
    tf.reshape(weights, [positions * count, heads]) as tf.Tensor2D,
    toHeads,
    false,
    true,
  );
  const weighted = tf.mul(tf.reshape(spread, values.shape), values);
  return tf.addN(tf.unstack(weighted)) as tf.Tensor2D;
}

/** [time, time]: 0 on and below the diagonal, so low above it that its softmax is 0. */
function causalMask(time: number): tf.Tensor2D {
  const position = tf.range(0, time);
  const ahead = tf.sub(tf.reshape(position, [1, time]), tf.reshape(position, [time, 1]));
  return tf.mul(tf.clipByValue(ahead, 0, 1), -1e9); // arithmetic: comparisons that broadcast crawl on WASM
}
