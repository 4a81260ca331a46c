import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { addParts } from "./gemm.js";
import { declareBindings, words, type Shader } from "./shader.js";

/**
 * The gradient of `tf.gather` (embeddings). The stock kernel adds with compare-and-swap loops on floats: slow, and in a
 * different order every time. Here each workgroup owns 64 columns of one segment, walks the ids and adds the rows that
 * are its own in order; long lists of ids are cut into parts that are added in a second pass.
 */
export function installSegmentSum(): void {
  overrideKernel("webgpu", "UnsortedSegmentSum", (stock) => (args) => {
    const { x, segmentIds } = args.inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const segments = args.attrs!.numSegments as number;
    const inner = x.shape.slice(segmentIds.shape.length);
    const width = sizeOf(inner);
    const ids = sizeOf(segmentIds.shape);
    if (x.dtype !== "float32" || segments > 65535 * 16 || width * ids * segments === 0) return stock!(args);
    return segmentSum(args.backend as PooledWebGpu, x, segmentIds, ids, segments, width, [
      segments,
      ...inner,
    ]);
  });
}

const idsPerPart = 4096;

function segmentSum(
  backend: PooledWebGpu,
  x: tf.TensorInfo,
  segmentIds: tf.TensorInfo,
  ids: number,
  segments: number,
  width: number,
  shape: readonly number[],
): tf.TensorInfo {
  const columns = Math.ceil(width / 64);
  const parts = Math.max(
    1,
    Math.min(Math.ceil(ids / idsPerPart), Math.floor((64 * 2 ** 20) / (4 * segments * width)), 64),
  );
  const chunk = Math.ceil(ids / parts);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, segments, width] : shape, "float32");
  const row = Math.min(segments, 32768);
  const grid = [row, columns * Math.ceil(segments / row), parts] as const;
  backend.run(shader, [out], [x, segmentIds], words(ids, segments, width, chunk, row, columns), grid);
  if (parts === 1) return out;
  const sum = addParts(backend, out, parts, shape);
  backend.disposeData(out.dataId);
  return sum;
}

const shader: Shader = {
  key: "segmentSum",
  outputs: 1,
  inputs: 2,
  code: () => `${declareBindings(["sums"], ["x", "ids : i32"], ["count", "segments", "width", "chunk", "row", "columns"])}
var<workgroup> mine : array<u32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let segment = group.x + (group.y / u.columns) * u.row;
  let column = (group.y % u.columns) * 64u + local;
  let start = group.z * u.chunk;
  let end = min(u.count, start + u.chunk);
  var sum = 0.0;
  for (var first = start; first < end; first += 64u) {
    let i = first + local;
    mine[local] = 0u;
    if (i < end) { mine[local] = select(0u, 1u, ids[i] == i32(segment)); }
    workgroupBarrier();
    let length = min(64u, end - first);
    for (var j = 0u; j < length; j++) {
      if (mine[j] == 1u && column < u.width) { sum += x[(first + j) * u.width + column]; }
    }
    workgroupBarrier();
  }
  if (segment < u.segments && column < u.width) { sums[(group.z * u.segments + segment) * u.width + column] = sum; }
}`,
};
