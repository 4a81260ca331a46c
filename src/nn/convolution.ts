import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { fanIn, type Fill, type Spec } from "./initialise.js";
import type { Parameters } from "./model.js";
import { get } from "./parameters.js";

/** `name.weight` (outputs, inputs, kernel, kernel) and, where `bias`, `name.bias`, both drawn by `fill`: PyTorch's default. */
export function convolutionSpecs(
  name: string,
  inputs: number,
  outputs: number,
  {
    kernel = 3,
    bias = false,
    fill = fanIn(inputs * kernel * kernel),
  }: { kernel?: number; bias?: boolean; fill?: Fill } = {},
): Spec[] {
  const weight = { name: `${name}.weight`, shape: [outputs, inputs, kernel, kernel], fill };
  return bias ? [weight, { name: `${name}.bias`, shape: [outputs], fill }] : [weight];
}

/**
 * `name.weight` (inputs, outputs, kernel, kernel) and, where `bias`, `name.bias` of a transposed convolution. PyTorch
 * takes its fan-in from the second axis, the outputs; so do we.
 */
export function transposedConvolutionSpecs(
  name: string,
  inputs: number,
  outputs: number,
  { kernel = 3, bias = false } = {},
): Spec[] {
  const fill = fanIn(outputs * kernel * kernel);
  const weight = { name: `${name}.weight`, shape: [inputs, outputs, kernel, kernel], fill };
  return bias ? [weight, { name: `${name}.bias`, shape: [outputs], fill }] : [weight];
}

/**
 * Convolution by the layer called `name`.
 * @param x [n, height, width, inputs]
 * @param padding so many zeros at each side, as in PyTorch; "same": output as large as input (stride 1, odd kernel);
 * "valid": none. TensorFlow's own "same" pads a strided convolution at the far sides only, so it is refused there.
 * @param bias whether the layer's bias, if it has one, is added; default true
 * @returns [n, height', width', outputs], of height' = floor((height + 2 padding - kernel) / stride) + 1
 * @throws RangeError for "same" with a stride
 */
export function convolution(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  {
    stride = 1,
    padding = "valid",
    bias = true,
  }: { stride?: number; padding?: number | "same" | "valid"; bias?: boolean } = {},
): tf.Tensor4D {
  if (padding === "same" && stride !== 1) throw new RangeError(`${name}: "same" padding needs stride 1`);
  const filter = tf.transpose(get(parameters, `${name}.weight`), [2, 3, 1, 0]) as tf.Tensor4D;
  const y = tf.conv2d(x, filter, stride, padding);
  return bias ? addBias(parameters, name, y) : y;
}

/**
 * Transposed convolution without padding by the layer called `name`.
 * @param x [n, height, width, inputs]
 * @param outputPadding extra rows and columns at the far end; less than the stride
 * @returns [n, (height - 1) stride + kernel + outputPadding, ..., outputs]
 */
export function transposedConvolution(
  parameters: Parameters,
  name: string,
  x: tf.Tensor4D,
  { stride = 1, outputPadding = 0 } = {},
): tf.Tensor4D {
  const weight = get<tf.Tensor4D>(parameters, `${name}.weight`);
  const [n, height, width] = x.shape;
  const [, outputs, kernel] = weight.shape;
  const size = (length: number): number => (length - 1) * stride + kernel + outputPadding;
  const filter = tf.transpose(weight, [2, 3, 1, 0]);
  const shape: [number, number, number, number] = [n, size(height), size(width), outputs];
  return addBias(parameters, name, tf.conv2dTranspose(x, filter, shape, stride, "valid"));
}

function addBias(parameters: Parameters, name: string, y: tf.Tensor4D): tf.Tensor4D {
  const bias = parameters.get(`${name}.bias`);
  if (!bias) return y;
  return (fused().addBias?.(y, bias) as tf.Tensor4D | undefined) ?? tf.add(y, bias);
}
