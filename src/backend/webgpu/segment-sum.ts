import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { addParts } from "./gemm.js";
import { declareBindings, words, type Shader } from "./shader.js";
import { wrap } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

/**
 * The gradient of `tf.gather` (embeddings). The stock kernel adds with compare-and-swap loops on floats: slow, and in a
 * different order every time. Here each workgroup owns 64 columns of one segment, marks the ids that are its own and adds
 * their rows in order, four lanes side by side; long lists of ids are cut into parts that are added in a second pass.
 */
export function installSegmentSum(): void {
  overrideKernel("webgpu", "UnsortedSegmentSum", (stock) => (args) => {
    const { x, segmentIds } = args.inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const segments = args.attrs!.numSegments as number;
    const inner = x.shape.slice(segmentIds.shape.length);
    const elements = sizeOf(inner) * sizeOf(segmentIds.shape) * segments;
    if (x.dtype !== "float32" || segments > 65535 * 16 || elements === 0) return stock!(args);
    return sum(args.backend as PooledWebGpu, x, segmentIds, segments, [segments, ...inner]);
  });
}

/**
 * out[s] = the sum of the rows of x whose id is s.
 * @param x [ids, ...]
 * @param ids int32 [ids]; those outside [0, segments) count nowhere
 * @param shape of the result: segments rows
 */
export function segmentSum(
  backend: PooledWebGpu,
  x: tf.Tensor,
  ids: tf.Tensor,
  segments: number,
  shape: readonly number[],
): tf.Tensor {
  return wrap(sum(backend, x, ids, segments, shape));
}

const idsPerPart = 1024;
const mostPartialBytes = 64 * 2 ** 20;

function sum(
  backend: PooledWebGpu,
  x: tf.TensorInfo,
  ids: tf.TensorInfo,
  segments: number,
  shape: readonly number[],
): tf.TensorInfo {
  const count = sizeOf(ids.shape);
  const width = sizeOf(shape) / segments;
  const columns = Math.ceil(width / 64);
  const affordable = Math.min(64, Math.floor(mostPartialBytes / (4 * segments * width)));
  const chunk = Math.ceil(count / Math.max(1, Math.min(Math.ceil(count / idsPerPart), affordable)));
  const parts = Math.ceil(count / chunk);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, segments, width] : shape, "float32");
  const row = Math.min(segments, 32768);
  const grid = [row, columns * Math.ceil(segments / row), parts] as const;
  backend.run(shader, [out], [x, ids], words(count, segments, width, chunk, row, columns), grid);
  if (parts === 1) return out;
  const total = addParts(backend, out, parts, shape);
  backend.disposeData(out.dataId);
  return total;
}

/**
 * 256 threads, for 64 columns and 4 lanes. Bit b of thread t's word says whether id first + 256 b + t is the segment's; a lane
 * then walks the words of every fourth thread, with up to four rows under way at a time.
 */
const shader: Shader = {
  key: "segment sum",
  outputs: 1,
  inputs: 2,
  code: () => `${declareBindings(["sums"], ["x", "ids : i32"], ["count", "segments", "width", "chunk", "row", "columns"])}
${laneSum(4, 64)}
var<workgroup> mine : array<u32, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let segment = group.x + (group.y / u.columns) * u.row;
  let column = (group.y % u.columns) * 64u + local % 64u;
  let end = min(u.count, (group.z + 1u) * u.chunk);
  var own = 0.0;
  for (var first = group.z * u.chunk; first < end; first += 8192u) {
    var found = 0u;
    for (var b = 0u; b < 32u && first + 256u * b + local < end; b++) {
      found |= select(0u, 1u << b, ids[first + 256u * b + local] == i32(segment));
    }
    mine[local] = found;
    workgroupBarrier();
    if (column < u.width) {
      for (var t = local / 64u; t < 256u; t += 4u) {
        var left = mine[t];
        while (left != 0u) {
          var v = vec4<f32>(0.0);
          for (var k = 0u; k < 4u; k++) {
            if (left != 0u) {
              v[k] = x[(first + 256u * firstTrailingBit(left) + t) * u.width + column];
              left &= left - 1u;
            }
          }
          own += v.x + v.y + v.z + v.w;
        }
      }
    }
    workgroupBarrier();
  }
  let sum = lane_sum(own, local);
  if (local < 64u && segment < u.segments && column < u.width) {
    sums[(group.z * u.segments + segment) * u.width + column] = sum;
  }
}`,
};
