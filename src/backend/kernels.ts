import * as tf from "@tensorflow/tfjs";

/**
 * Registers `make(stock)` in place of a backend's kernel. Inside a kernel function TensorFlow.js records nothing for the
 * gradient, so it may call ordinary tf operations.
 * @param make gets the stock kernel function, undefined where the backend has none
 */
export function overrideKernel(
  backendName: string,
  kernelName: string,
  make: (stock: tf.KernelFunc | undefined) => tf.KernelFunc,
): void {
  const stock = tf.getKernel(kernelName, backendName) as tf.KernelConfig | undefined;
  if (stock) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({ ...stock, kernelName, backendName, kernelFunc: make(stock?.kernelFunc) });
}

/** Geometry of a convolution as the tfjs kernels see it. @throws Error if the attributes are not those of an NHWC convolution. */
export function convolutionGeometry(
  inputShape: readonly number[],
  filterShape: readonly number[],
  attrs: tf.NamedAttrMap,
): tf.backend_util.Conv2DInfo {
  const strides = attrs.strides as number | [number, number];
  const dilations = (attrs.dilations ?? 1) as number | [number, number];
  const pad = attrs.pad as "same" | "valid" | number;
  const format = tf.backend_util.convertConv2DDataFormat(attrs.dataFormat as "NHWC" | "NCHW");
  return tf.backend_util.computeConv2DInfo(
    inputShape as [number, number, number, number],
    filterShape as [number, number, number, number],
    strides,
    dilations,
    pad,
    attrs.dimRoundingMode as "floor" | "round" | "ceil" | undefined,
    false,
    format,
  );
}
