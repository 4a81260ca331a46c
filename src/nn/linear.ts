import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
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

/** What follows a linear layer directly. */
export interface Epilogue {
  /** max(y, 0). */
  readonly relu?: boolean;
  /** Added to the result; of its shape. Not together with `relu`. */
  readonly residual?: tf.Tensor;
}

/** x [..., inputs] -> [..., outputs] by the layer called `name`, and what follows it. */
export function linear(parameters: Parameters, name: string, x: tf.Tensor, then?: Epilogue): tf.Tensor {
  return affine(x, get(parameters, `${name}.weight`), get(parameters, `${name}.bias`), then);
}

/**
 * x weight^T + bias as one two-dimensional product, whatever the rank of x: a broadcast batched one has a slow gradient.
 * @param x [..., inputs]
 * @param weight [outputs, inputs]
 * @param bias [outputs]
 * @param then what follows the bias
 * @returns [..., outputs]
 */
export function affine(x: tf.Tensor, weight: tf.Tensor, bias?: tf.Tensor, then?: Epilogue): tf.Tensor {
  const y = bias ? addBias(product(x, weight), bias, then) : product(x, weight);
  return x.rank === 2 ? y : tf.reshape(y, [...x.shape.slice(0, -1), weight.shape[0]]);
}

/** x [..., inputs] times weight^T [inputs, outputs], as [everything else, outputs]. */
export function product(x: tf.Tensor, weight: tf.Tensor): tf.Tensor2D {
  const rows = x.rank === 2 ? x : tf.reshape(x, [-1, weight.shape[1]!]);
  return tf.matMul(rows as tf.Tensor2D, weight as tf.Tensor2D, false, true);
}

function addBias(x: tf.Tensor2D, bias: tf.Tensor, { relu = false, residual }: Epilogue = {}): tf.Tensor {
  const ops = fused();
  if (residual) {
    const added = tf.reshape(residual, x.shape);
    return ops.addBiasAndResidual?.(x, bias, added) ?? tf.add(added, tf.add(x, bias));
  }
  if (relu) return ops.addBiasAndRelu?.(x, bias) ?? tf.relu(tf.add(x, bias));
  return ops.addBias?.(x, bias) ?? tf.add(x, bias);
}
