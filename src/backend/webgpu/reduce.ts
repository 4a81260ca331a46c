import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, words, type Shader } from "./shader.js";

/**
 * Sums and means over any axes. The stock kernels give each result to one workgroup, however long the sum, and first
 * transpose the array so that reduced axes come last. Here each run of adjacent axes is summed where it lies, the last
 * run first, and long sums are cut into parts that are summed in turn: always in the same order.
 */
export function installReductions(): void {
  for (const kernelName of ["Sum", "Mean"]) {
    overrideKernel("webgpu", kernelName, (stock) => (args) => {
      const { x } = args.inputs as { x: tf.TensorInfo };
      const { axis, keepDims } = args.attrs as unknown as { axis: number | number[]; keepDims: boolean };
      const axes = [...tf.util.parseAxisParam(axis, x.shape)].sort((a, b) => a - b);
      if (x.dtype !== "float32" || axes.length === 0 || x.shape.includes(0)) return stock!(args);
      const scale = kernelName === "Mean" ? 1 / sizeOf(axes.map((a) => x.shape[a])) : 1;
      const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
      const outShape = keepDims ? kept : kept.filter((_, i) => !axes.includes(i));
      return reduce(args.backend as PooledWebGpu, x, axes, outShape, scale);
    });
  }
}

function reduce(
  backend: PooledWebGpu,
  x: tf.TensorInfo,
  axes: readonly number[],
  outShape: readonly number[],
  scale: number,
): tf.TensorInfo {
  const last = axes[axes.length - 1];
  let first = last;
  while (axes.includes(first - 1)) first--;
  const rest = axes.filter((a) => a < first);
  const outer = sizeOf(x.shape.slice(0, first));
  const length = sizeOf(x.shape.slice(first, last + 1));
  const inner = sizeOf(x.shape.slice(last + 1));
  if (rest.length === 0) return sumMiddle(backend, x, outer, length, inner, outShape, scale);
  const shape = x.shape.map((n, i) => (i >= first && i <= last ? 1 : n));
  const partly = sumMiddle(backend, x, outer, length, inner, shape, 1);
  const result = reduce(backend, partly, rest, outShape, scale);
  backend.disposeData(partly.dataId);
  return result;
}

const threads = 256;
const enoughGroups = 1024;

/** out[o, i] = scale * sum over l of x[o, l, i], for x read as outer x length x inner. */
function sumMiddle(
  backend: PooledWebGpu,
  x: tf.TensorInfo,
  outer: number,
  length: number,
  inner: number,
  outShape: readonly number[],
  scale: number,
): tf.TensorInfo {
  const results = outer * inner;
  const cooperating = Math.min(
    powerOfTwo(length / 4),
    inner === 1 ? threads : threads / Math.min(64, powerOfTwo(inner)),
  );
  const perGroup = threads / cooperating;
  const groups = Math.ceil(results / perGroup);
  const parts = Math.max(
    1,
    Math.min(Math.floor(length / (cooperating * 16)), Math.floor(enoughGroups / groups)),
  );
  const chunk = Math.ceil(length / parts);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, results] : outShape, "float32");
  const row = Math.min(groups, 65535);
  const uniforms = words(results, length, inner, chunk, row, { f: parts > 1 ? 1 : scale });
  backend.run(shader(cooperating, inner === 1), [out], [x], uniforms, [row, Math.ceil(groups / row), parts]);
  if (parts === 1) return out;
  const total = sumMiddle(backend, out, 1, parts, results, outShape, scale);
  backend.disposeData(out.dataId);
  return total;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.max(0, Math.min(8, Math.ceil(Math.log2(atLeast))));
}

/** `cooperating` threads share one sum; neighbouring threads read neighbouring elements. */
function shader(cooperating: number, contiguous: boolean): Shader {
  const perGroup = threads / cooperating;
  return {
    key: `sum ${cooperating} ${contiguous}`,
    outputs: 1,
    inputs: 1,
    code: () => `${declareBindings(["sums"], ["x"], ["results", "length", "inner", "chunk", "row", "scale : f32"])}
var<workgroup> shared_sums : array<f32, ${threads}>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let lane = ${contiguous ? `local % ${cooperating}u` : `local / ${perGroup}u`};
  let cell = ${contiguous ? `local / ${cooperating}u` : `local % ${perGroup}u`};
  let result = (group.y * u.row + group.x) * ${perGroup}u + cell;
  let end = min(u.length, (group.z + 1u) * u.chunk);
  var sum = 0.0;
  if (result < u.results) {
    let base = (result / u.inner) * u.length * u.inner + result % u.inner;
    for (var l = group.z * u.chunk + lane; l < end; l += ${cooperating}u) { sum += x[base + l * u.inner]; }
  }
  shared_sums[lane * ${perGroup}u + cell] = sum;
  for (var half = ${Math.floor(cooperating / 2)}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { shared_sums[lane * ${perGroup}u + cell] += shared_sums[(lane + half) * ${perGroup}u + cell]; }
  }
  if (lane == 0u && result < u.results) { sums[group.z * u.results + result] = shared_sums[cell] * u.scale; }
}`,
  };
}
