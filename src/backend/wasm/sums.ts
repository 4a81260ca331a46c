import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import { address, asWasm, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";

/**
 * Sums and means over any axes, added in float64 (the stock kernels lose two digits over 10^4 elements, and transpose
 * first); and the absent UnsortedSegmentSum.
 */
export function installSums(kernel: Kernel): void {
  for (const kernelName of ["Sum", "Mean"]) {
    overrideKernel("wasm", kernelName, (stock) => (args) => {
      const x = args.inputs.x as tf.TensorInfo;
      const { axis, keepDims } = args.attrs as unknown as { axis: number | number[]; keepDims: boolean };
      const axes = [...tf.util.parseAxisParam(axis, x.shape)].sort((a, b) => a - b);
      if (x.dtype !== "float32" || axes.length === 0) return stock!(args);
      const scale = kernelName === "Mean" ? 1 / sizeOf(axes.map((a) => x.shape[a])) : 1;
      const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
      const shape = keepDims ? kept : kept.filter((_, i) => !axes.includes(i));
      return reduce(kernel, asWasm(args.backend), x, axes, shape, scale);
    });
  }

  overrideKernel("wasm", "UnsortedSegmentSum", () => ({ inputs, backend, attrs }) => {
    const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const heap = asWasm(backend);
    const segments = attrs!.numSegments as number;
    const inner = x.shape.slice(segmentIds.shape.length);
    const out = heap.makeOutput([segments, ...inner], "float32");
    heap.typedArrayFromHeap(out).fill(0);
    const places = [x, segmentIds, out].map((tensor) => address(heap, tensor));
    kernel.sumSegments(sizeOf(segmentIds.shape), sizeOf(inner), segments, ...places);
    return out;
  });
}

/** Sums the last run of adjacent axes, then the runs before it. */
function reduce(
  kernel: Kernel,
  heap: WasmHeap,
  x: tf.TensorInfo,
  axes: readonly number[],
  shape: readonly number[],
  scale: number,
): tf.TensorInfo {
  const last = axes[axes.length - 1];
  let first = last;
  while (axes.includes(first - 1)) first--;
  const rest = axes.filter((a) => a < first);
  const partly = x.shape.map((n, i) => (i >= first && i <= last ? 1 : n));
  const out = heap.makeOutput(rest.length > 0 ? partly : shape, "float32");
  kernel.sumMiddle(
    sizeOf(x.shape.slice(0, first)),
    sizeOf(x.shape.slice(first, last + 1)),
    sizeOf(x.shape.slice(last + 1)),
    rest.length > 0 ? 1 : scale,
    address(heap, x),
    address(heap, out),
  );
  if (rest.length === 0) return out;
  const result = reduce(kernel, heap, out, rest, shape, scale);
  heap.disposeData(out.dataId);
  return result;
}
