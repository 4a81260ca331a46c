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
 * different order every time. Here each workgroup owns one segment (up to 1024 columns of it), marks the ids that are its own and
 * adds their rows in order, four lanes side by side; long lists of ids are cut into parts that are added in a second pass.
 */
export function installSegmentSum(): void {
  overrideKernel("webgpu", "UnsortedSegmentSum", (stock) => (args) => {
    const { x, segmentIds } = args.inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
    const segments = args.attrs!.numSegments as number;
    const inner = x.shape.slice(segmentIds.shape.length);
    const elements = sizeOf(inner) * sizeOf(segmentIds.shape) * segments;
    if (x.dtype !== "float32" || segments > 65535 * 16 || elements === 0) return stock!(args);
    return sum(args.backend as PooledWebGpu, x, segmentIds, segments, [segments, ...inner], 1);
  });
}

/**
 * out[s] = the sum of the rows of x whose id is s.
 * @param x [ids, ...]
 * @param ids int32; those outside [0, segments / blocks) count nowhere
 * @param shape of the result: `segments` rows
 * @param blocks ids and segments are cut into so many equal blocks, each a problem of its own
 */
export function segmentSum(
  backend: PooledWebGpu,
  x: tf.Tensor,
  ids: tf.Tensor,
  segments: number,
  shape: readonly number[],
  blocks = 1,
): tf.Tensor {
  return wrap(sum(backend, x, ids, segments, shape, blocks));
}

const idsPerPart = 256;
const mostPartialBytes = 16 * 2 ** 20;
const mostColumns = 1024;

function sum(
  backend: PooledWebGpu,
  x: tf.TensorInfo,
  ids: tf.TensorInfo,
  segments: number,
  shape: readonly number[],
  blocks: number,
): tf.TensorInfo {
  const count = sizeOf(ids.shape) / blocks;
  const width = sizeOf(shape) / segments;
  const columns = Math.ceil(width / mostColumns);
  const affordable = Math.min(64, Math.floor(mostPartialBytes / (4 * segments * width)));
  const chunk = Math.ceil(count / Math.max(1, Math.min(Math.ceil(count / idsPerPart), affordable)));
  const parts = Math.ceil(count / chunk);
  const out = backend.makeTensorInfo(parts > 1 ? [parts, segments, width] : shape, "float32");
  const row = Math.min(segments, 32768);
  const grid = [row, columns * Math.ceil(segments / row), parts] as const;
  const uniforms = words(count, segments, segments / blocks, width, chunk, row, columns);
  backend.run(shader(Math.ceil(Math.min(width, mostColumns) / 256)), [out], [x, ids], uniforms, grid);
  if (parts === 1) return out;
  const total = addParts(backend, out, parts, shape);
  backend.disposeData(out.dataId);
  return total;
}

/**
 * 256 threads: 64 columns, of which each thread has every 64th, and 4 lanes. Of 256 ids at a time the segment's own are marked
 * by bits; a lane then walks every fourth word of them, with up to four rows under way.
 * @param quads a thread has up to 4 * quads columns
 */
function shader(quads: number): Shader {
  return {
    key: `segment sum ${quads}`,
    outputs: 1,
    inputs: 2,
    code: () => `${declareBindings(
      ["sums"],
      ["x", "ids : i32"],
      ["count", "segments", "perBlock", "width", "chunk", "row", "columns"],
    )}
${laneSum(4, 64, "vec4<f32>")}
var<workgroup> mine : array<atomic<u32>, 8>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let segment = group.x + (group.y / u.columns) * u.row;
  let column = (group.y % u.columns) * ${mostColumns}u + local % 64u;
  let origin = (segment / u.perBlock) * u.count; // of the block's ids
  let end = min(u.count, (group.z + 1u) * u.chunk);
  var own : array<vec4<f32>, ${quads}>;
  for (var first = group.z * u.chunk; first < end; first += 256u) {
    if (local < 8u) { atomicStore(&mine[local], 0u); }
    workgroupBarrier();
    if (first + local < end && ids[origin + first + local] == i32(segment % u.perBlock)) {
      atomicOr(&mine[local / 32u], 1u << (local % 32u));
    }
    workgroupBarrier();
    for (var w = local / 64u; w < 8u; w += 4u) {
      var left = atomicLoad(&mine[w]);
      while (left != 0u) {
        var at = vec4<u32>(firstTrailingBit(left));
        var there = vec4<bool>(true, false, false, false);
        left &= left - 1u;
        for (var q = 1u; q < 4u && left != 0u; q++) {
          at[q] = firstTrailingBit(left);
          there[q] = true;
          left &= left - 1u;
        }
        at = (origin + first + 32u * w + at) * u.width;
        for (var k = 0u; k < ${quads}u; k++) {
          for (var j = 0u; j < 4u; j++) {
            let c = column + (4u * k + j) * 64u;
            if (c < u.width) {
              let rows = vec4<f32>(x[at.x + c], x[at.y + c], x[at.z + c], x[at.w + c]);
              let v = select(vec4<f32>(0.0), rows, there);
              own[k][j] += v.x + v.y + v.z + v.w;
            }
          }
        }
      }
    }
    workgroupBarrier();
  }
  for (var k = 0u; k < ${quads}u; k++) {
    let sum = lane_sum(own[k], local);
    if (local < 64u && segment < u.segments) {
      for (var j = 0u; j < 4u; j++) {
        let c = column + (4u * k + j) * 64u;
        if (c < u.width) { sums[(group.z * u.segments + segment) * u.width + c] = sum[j]; }
      }
    }
  }
}`,
  };
}
