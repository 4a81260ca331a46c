import type * as tf from "@tensorflow/tfjs";
import { overrideKernel } from "../kernels.js";
import { address, asWasm } from "./heap.js";
import type { Kernel } from "./kernel.js";

/** Transposes in blocks that stay in a cache; the stock kernel takes up to ten times as long. */
export function installTranspose(kernel: Kernel): void {
  overrideKernel("wasm", "Transpose", (stock) => (args) => {
    const x = args.inputs.x as tf.TensorInfo;
    const { perm } = args.attrs as unknown as { perm: number[] };
    const axes = mergedAxes(x.shape, perm);
    const shape = perm.map((axis) => x.shape[axis]);
    if (axes.length > 4 || (x.dtype !== "float32" && x.dtype !== "int32")) return stock!(args);
    const heap = asWasm(args.backend);
    const out = heap.makeOutput(shape, x.dtype);
    // Where only axes of size 1 change places, this copies: sharing memory would give the stock product, which remembers operands
    // by their memory's number, one number for two shapes.
    if (axes.length === 0) axes.push({ size: 1, stride: 1 });
    while (axes.length < 4) axes.unshift({ size: 1, stride: 0 });
    const sizes = axes.map(({ size }) => size);
    const strides = axes.map(({ stride }) => stride);
    kernel.transpose(...sizes, ...strides, address(heap, x), address(heap, out));
    return out;
  });
}

/** An axis of a result, and the elements of the input from one index of it to the next. */
interface Axis {
  readonly size: number;
  readonly stride: number;
}

/** The result's axes, of which those that stay neighbours are one, without those of size 1. */
function mergedAxes(shape: readonly number[], perm: readonly number[]): Axis[] {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
  const axes: Axis[] = [];
  for (const axis of perm) {
    const [size, stride] = [shape[axis], strides[axis]];
    if (size === 1) continue;
    const last = axes[axes.length - 1] as Axis | undefined;
    if (last?.stride === size * stride) axes[axes.length - 1] = { size: last.size * size, stride };
    else axes.push({ size, stride });
  }
  return axes;
}
