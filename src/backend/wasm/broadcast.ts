import * as tf from "@tensorflow/tfjs";
import { overrideKernel } from "../kernels.js";
import { address, asWasm } from "./heap.js";
import type { Kernel } from "./kernel.js";

/** Inner axes up to this size are slow in the stock kernels. */
const SHORT = 16;

/** Sums, differences and products that repeat an operand along a short inner axis, as group normalisation does. */
export function installBroadcasts(kernel: Kernel): void {
  ["Add", "Sub", "Multiply"].forEach((kernelName, op) => {
    overrideKernel("wasm", kernelName, (stock) => (args) => {
      const { a, b } = args.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
      if (a.dtype !== "float32" || b.dtype !== "float32") return stock!(args);
      const shape = tf.broadcast_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]);
      const axes = mergedAxes(shape, a.shape, b.shape);
      const inner = axes[axes.length - 1] as Axis | undefined;
      if (axes.length < 2 || axes.length > 4 || inner!.size > SHORT) return stock!(args);
      const heap = asWasm(args.backend);
      const out = heap.makeOutput(shape, "float32");
      while (axes.length < 4) axes.unshift({ size: 1, a: 0, b: 0 });
      const numbers = (["size", "a", "b"] as const).flatMap((field) => axes.map((axis) => axis[field]));
      kernel.broadcast(op, ...numbers, ...[a, b, out].map((tensor) => address(heap, tensor)));
      return out;
    });
  });
}

/** An axis of a result, and the elements of each operand from one index of it to the next: 0 where it is repeated. */
interface Axis {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}

/** The result's axes, of which those along which both operands go on evenly are one, without those of size 1. */
function mergedAxes(shape: readonly number[], a: readonly number[], b: readonly number[]): Axis[] {
  const [stridesA, stridesB] = [a, b].map((operand) => stridesOf(shape, operand));
  const axes: Axis[] = [];
  shape.forEach((size, i) => {
    if (size === 1) return;
    const axis = { size, a: stridesA[i], b: stridesB[i] };
    const last = axes[axes.length - 1] as Axis | undefined;
    if (last?.a === size * axis.a && last.b === size * axis.b)
      axes[axes.length - 1] = { ...axis, size: last.size * size };
    else axes.push(axis);
  });
  return axes;
}

/** Strides of an operand along the axes of a result that it is broadcast to. */
function stridesOf(shape: readonly number[], operand: readonly number[]): number[] {
  const missing = shape.length - operand.length;
  const strides = shape.map(() => 0);
  let stride = 1;
  for (let i = shape.length - 1; i >= missing; i--) {
    const size = operand[i - missing];
    if (size > 1) strides[i] = stride;
    stride *= size;
  }
  return strides;
}
