import * as tf from "@tensorflow/tfjs";
import { fanIn, type Spec } from "./initialise.js";
import type { Parameters } from "./model.js";
import { get } from "./parameters.js";

/** `name.weight` (outputs x inputs) and `name.bias`. */
export function linearSpecs(name: string, inputs: number, outputs: number): Spec[] {
  return [
    { name: `${name}.weight`, shape: [outputs, inputs], fill: fanIn(inputs) },
    { name: `${name}.bias`, shape: [outputs], fill: fanIn(inputs) },
  ];
}

/** x [..., inputs] -> [..., outputs] by the layer called `name`. */
export function linear(parameters: Parameters, name: string, x: tf.Tensor): tf.Tensor {
  return affine(x, get(parameters, `${name}.weight`), get(parameters, `${name}.bias`));
}

/**
 * x weight^T + bias as one two-dimensional product, whatever the rank of x: a broadcast batched one has a slow gradient.
 * @param x [..., inputs]
 * @param weight [outputs, inputs]
 * @param bias [outputs]
 * @returns [..., outputs]
 */
export function affine(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor): tf.Tensor {
  const inputs = weight.shape[1]!;
  const rows = x.rank === 2 ? x : tf.reshape(x, [-1, inputs]);
  const product = tf.matMul(rows as tf.Tensor2D, weight as tf.Tensor2D, false, true);
  const y = bias ? tf.add(product, bias) : product;
  return x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[0]]);
}
