import * as tf from "@tensorflow/tfjs";
import { convolutionGeometry, overrideKernel } from "../kernels.js";
import { address, asWasm, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";
import { windowOf } from "./window.js";

/** Gradients of convolutions: with respect to the filter (absent from the stock backend) and the input (slow there). */
export function installConvolutionGradients(kernel: Kernel): void {
  overrideKernel("wasm", "Conv2DBackpropFilter", () => (args) => {
    const { x, dy } = args.inputs as unknown as { x: tf.Tensor4D; dy: tf.Tensor4D };
    const geometry = convolutionGeometry(x.shape, args.attrs!.filterShape as number[], args.attrs!);
    return rowsAreFaster(geometry)
      ? gradientByRows(kernel, asWasm(args.backend), x, dy, geometry)
      : tf.tidy(() => gradientByTaps(x, dy, geometry));
  });
  overrideKernel("wasm", "Conv2DBackpropInput", (stock) => (args) => {
    const { dy, filter } = args.inputs as unknown as { dy: tf.Tensor4D; filter: tf.Tensor4D };
    const geometry = convolutionGeometry(args.attrs!.inputShape as number[], filter.shape, args.attrs!);
    if (geometry.dataFormat !== "channelsLast") return stock!(args);
    const heap = asWasm(args.backend);
    return geometry.strideHeight > 1 || geometry.strideWidth > 1
      ? tf.tidy(() => foldedInputGradient(kernel, heap, dy, filter, geometry))
      : tf.tidy(() => inputGradient(dy, turned(kernel, heap, filter), geometry));
  });
}

/**
 * Whether to go row by row: where rows are long enough to keep the filter's gradient in registers, and elsewhere where
 * matrix products would first copy every other position (a stride) or be small.
 */
function rowsAreFaster({
  outWidth,
  strideWidth,
  inChannels,
  outChannels,
}: tf.backend_util.Conv2DInfo): boolean {
  return outWidth >= 8 || strideWidth > 1 || inChannels * outChannels <= 16384;
}

/** Row by row on the heap as it lies: no padding and no copies. */
function gradientByRows(
  kernel: Kernel,
  heap: WasmHeap,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  g: tf.backend_util.Conv2DInfo,
): tf.TensorInfo {
  const out = heap.makeOutput(g.filterShape, "float32");
  kernel.filterGradient(
    g.batchSize,
    g.inHeight,
    g.inWidth,
    g.inChannels,
    g.outHeight,
    g.outWidth,
    g.outChannels,
    g.filterHeight,
    g.filterWidth,
    g.strideHeight,
    g.strideWidth,
    g.padInfo.top,
    g.padInfo.left,
    address(heap, x),
    address(heap, dy),
    address(heap, out),
  );
  return out;
}

/** dW[i, j] = (rows of x that tap (i, j) reads)^T dy: one matrix product per tap. */
function gradientByTaps(x: tf.Tensor4D, dy: tf.Tensor4D, g: tf.backend_util.Conv2DInfo): tf.Tensor {
  const bottom = Math.max(
    0,
    (g.outHeight - 1) * g.strideHeight + g.filterHeight - g.inHeight - g.padInfo.top,
  );
  const right = Math.max(0, (g.outWidth - 1) * g.strideWidth + g.filterWidth - g.inWidth - g.padInfo.left);
  const padded = pad(x, g.padInfo.top, bottom, g.padInfo.left, right);
  const positions = g.batchSize * g.outHeight * g.outWidth;
  const errors = tf.reshape(dy, [positions, g.outChannels]);
  const taps: tf.Tensor[] = [];
  for (let i = 0; i < g.filterHeight; i++) {
    for (let j = 0; j < g.filterWidth; j++) {
      const end = [
        g.batchSize,
        i + (g.outHeight - 1) * g.strideHeight + 1,
        j + (g.outWidth - 1) * g.strideWidth + 1,
        g.inChannels,
      ];
      const seen = tf.stridedSlice(padded, [0, i, j, 0], end, [1, g.strideHeight, g.strideWidth, 1]);
      taps.push(tf.matMul(tf.reshape(seen, [positions, g.inChannels]), errors, true, false));
    }
  }
  return tf.reshape(tf.stack(taps), g.filterShape);
}

/** The filter turned by half a circle, its input and output channels exchanged: [KH, KW, F, C]. */
function turned(kernel: Kernel, heap: WasmHeap, filter: tf.Tensor4D): tf.Tensor4D {
  const [height, width, C, F] = filter.shape;
  const out = heap.makeOutput([height, width, F, C], "float32");
  const bytes = 4 * C * F;
  const last = height * width - 1;
  for (let tap = 0; tap <= last; tap++) {
    kernel.transposeBatch(
      1,
      C,
      F,
      address(heap, filter) + tap * bytes,
      address(heap, out) + (last - tap) * bytes,
    );
  }
  return tf.engine().makeTensorFromTensorInfo(out) as tf.Tensor4D;
}

/** dX of a convolution of stride 1 = convolution of dy with the turned filter. */
function inputGradient(dy: tf.Tensor4D, turned: tf.Tensor4D, g: tf.backend_util.Conv2DInfo): tf.Tensor {
  const top = g.filterHeight - 1 - g.padInfo.top;
  const left = g.filterWidth - 1 - g.padInfo.left;
  const bottom = g.inHeight + g.filterHeight - 1 - dy.shape[1] - top;
  const right = g.inWidth + g.filterWidth - 1 - dy.shape[2] - left;
  return tf.conv2d(pad(dy, top, bottom, left, right), turned, 1, "valid");
}

/**
 * dX = every pixel's sum of the elements of dy filter^T that are gradients of its copies in the patches that the convolution
 * sees. With a stride fewer products than a convolution of dy, which would be spread out by zeros.
 */
function foldedInputGradient(
  kernel: Kernel,
  heap: WasmHeap,
  dy: tf.Tensor4D,
  filter: tf.Tensor4D,
  g: tf.backend_util.Conv2DInfo,
): tf.Tensor {
  const F = g.outChannels;
  const patches = tf.matMul(tf.reshape(dy, [-1, F]), tf.reshape(filter, [-1, F]), false, true);
  const out = heap.makeOutput(g.inShape, "float32");
  heap.typedArrayFromHeap(out).fill(0);
  kernel.fold(0, g.batchSize * g.outHeight, ...windowOf(g), address(heap, out), address(heap, patches));
  return tf.engine().makeTensorFromTensorInfo(out);
}

/** Adds (or, where negative, cuts off) rows and columns at each side. */
function pad(x: tf.Tensor4D, top: number, bottom: number, left: number, right: number): tf.Tensor4D {
  const cut = [Math.max(0, -top), Math.max(0, -bottom), Math.max(0, -left), Math.max(0, -right)];
  const kept = cut.some((n) => n > 0)
    ? tf.slice(
        x,
        [0, cut[0], cut[2], 0],
        [x.shape[0], x.shape[1] - cut[0] - cut[1], x.shape[2] - cut[2] - cut[3], x.shape[3]],
      )
    : x;
  const add = [top, bottom, left, right].map((n) => Math.max(0, n));
  if (add.every((n) => n === 0)) return kept;
  return tf.pad(kept, [
    [0, 0],
    [add[0], add[1]],
    [add[2], add[3]],
    [0, 0],
  ]) as tf.Tensor4D;
}
