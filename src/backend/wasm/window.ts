import type * as tf from "@tensorflow/tfjs";

/** The arguments of kernels that move a window over images, from the input's height to the padding on the left. */
export function windowOf(g: tf.backend_util.Conv2DInfo): number[] {
  return [
    g.inHeight,
    g.inWidth,
    g.inChannels,
    g.outHeight,
    g.outWidth,
    g.filterHeight,
    g.filterWidth,
    g.strideHeight,
    g.strideWidth,
    g.padInfo.top,
    g.padInfo.left,
  ];
}
