import * as tf from "@tensorflow/tfjs";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, flatGrid, words, type Shader } from "./shader.js";

/**
 * The gradient of maximum pooling by windows that lie side by side and cover the input, in one pass where the stock kernels
 * first write where each maximum is and then search for it. Of equal maxima the last of a window has the gradient, as there.
 */
export function installMaxPoolGradient(): void {
  overrideKernel("webgpu", "MaxPoolGrad", (stock) => (args) => {
    const { dy, input } = args.inputs as { dy: tf.TensorInfo; input: tf.TensorInfo };
    const { filterSize, strides, pad, dimRoundingMode } = args.attrs as unknown as {
      filterSize: [number, number] | number;
      strides: [number, number] | number;
      pad: "valid" | "same" | number;
      dimRoundingMode?: "floor" | "round" | "ceil";
    };
    const shape = input.shape as [number, number, number, number];
    const pool = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
    const { filterHeight, filterWidth, outHeight, outWidth, inHeight, inWidth, inChannels } = pool;
    const covered =
      pool.strideHeight === filterHeight &&
      pool.strideWidth === filterWidth &&
      outHeight * filterHeight === inHeight &&
      outWidth * filterWidth === inWidth;
    if (!covered || input.dtype !== "float32" || dy.dtype !== "float32") return stock!(args);
    const backend = args.backend as PooledWebGpu;
    const dx = backend.makeTensorInfo(input.shape, "float32");
    const windows = pool.batchSize * outHeight * outWidth * inChannels;
    const { grid, row } = flatGrid(windows, 256);
    const uniforms = words(windows, row, inChannels, outWidth, filterHeight, filterWidth);
    backend.run(shader, [dx], [dy, input], uniforms, grid);
    return dx;
  });
}

/** A thread for each window and channel, in the order of dy. */
const shader: Shader = {
  key: "maximum pooling gradient",
  outputs: 1,
  inputs: 2,
  code: () => `${declareBindings(["dx"], ["dy", "x"], ["n", "row", "channels", "outWidth", "height", "width"])}
@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let window = i / u.channels;
  let line = u.outWidth * u.width * u.channels; // one row of the input
  let first = (window / u.outWidth) * u.height * line + (window % u.outWidth) * u.width * u.channels + i % u.channels;
  var largest = first;
  for (var h = 0u; h < u.height; h++) {
    for (var w = 0u; w < u.width; w++) {
      let at = first + h * line + w * u.channels;
      if (x[at] >= x[largest]) { largest = at; }
    }
  }
  for (var h = 0u; h < u.height; h++) {
    for (var w = 0u; w < u.width; w++) {
      let at = first + h * line + w * u.channels;
      dx[at] = select(0.0, dy[i], at == largest);
    }
  }
}`,
};
