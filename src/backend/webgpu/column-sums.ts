import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, pipelinedLoop, words, type Shader } from "./shader.js";
import { emptyTensor } from "./tensors.js";
import { laneSum } from "./workgroup-sum.js";

/** Threads of the kernels that walk columns. */
export const columnThreads = 256;

/** How the workgroups of `columnThreads` threads share an array of rows x columns. */
export interface ColumnTiles {
  /** Neighbouring columns of a workgroup, a power of two. */
  readonly width: number;
  /** Rows that it reads at a time. */
  readonly lanes: number;
  /** Parts into which the rows are cut, each of `chunk` rows but for the last. */
  readonly parts: number;
  readonly chunk: number;
  /** Workgroups: blocks of columns, parts. */
  readonly grid: readonly [number, number, number];
}

const enoughGroups = 1024;

/** WGSL loop over the rows `r` of a workgroup's part of such tiles, for a column that exists: from `start`, below `end`. */
export function overRows({ width, lanes }: Pick<ColumnTiles, "width" | "lanes">, body: string): string {
  return pipelinedLoop("r", { first: `start + local / ${width}u`, end: "end", step: `${lanes}u` }, body);
}

export function columnTiles(rows: number, columns: number): ColumnTiles {
  const width = Math.min(64, 2 ** Math.ceil(Math.log2(columns)));
  const lanes = columnThreads / width;
  const blocks = Math.ceil(columns / width);
  const most = Math.min(Math.floor(enoughGroups / blocks), Math.ceil(rows / (8 * lanes)));
  const chunk = Math.ceil(rows / Math.max(1, most));
  const parts = Math.ceil(rows / chunk);
  return { width, lanes, parts, chunk, grid: [blocks, parts, 1] };
}

const width = 8;
const lanes = columnThreads / width;

/**
 * Sums over the rows of x [rows, columns] in one dispatch, for up to some thousand rows. The columns are those of the results, one
 * after the other.
 * @param shapes of one or two results
 * @param skipped the sums of columns [from, to) are exactly 0 whatever they hold; default none
 */
export function columnSums(
  backend: PooledWebGpu,
  x: tf.Tensor,
  rows: number,
  shapes: readonly (readonly number[])[],
  [from, to]: readonly [number, number] = [0, 0],
): tf.Tensor[] {
  const sums = shapes.map((shape) => emptyTensor(backend, shape));
  const columns = x.size / rows;
  const first = sizeOf(shapes[0]);
  const uniforms = words(rows, columns, first, from, to);
  backend.run(shader(shapes.length), sums, [x], uniforms, [Math.ceil(columns / width), 1, 1]);
  return sums;
}

function shader(results: number): Shader {
  const store = results === 1 ? "" : "if (c >= u.first) { second[c - u.first] = sum; return; }";
  return {
    key: `column sums ${results}`,
    outputs: results,
    inputs: 1,
    code: () => `${declareBindings(
      ["sums", "second"].slice(0, results),
      ["x"],
      ["rows", "columns", "first", "from_column", "to_column"],
    )}
${laneSum(lanes, width)}
@compute @workgroup_size(${columnThreads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let c = group.x * ${width}u + local % ${width}u;
  var own = 0.0;
  if (c < u.columns && (c < u.from_column || c >= u.to_column)) {
    ${pipelinedLoop(
      "r",
      { first: `local / ${width}u`, end: "u.rows", step: `${lanes}u` },
      "own += x[r * u.columns + c];",
      8,
    )}
  }
  let sum = lane_sum(own, local);
  if (local >= ${width}u || c >= u.columns) { return; }
  ${store}
  sums[c] = sum;
}`,
  };
}
