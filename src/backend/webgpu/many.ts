import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { declareBindings, words, type Shader, type ShaderRunner } from "./shader.js";
import { laneSum } from "./workgroup-sum.js";

/**
 * Work on each of many tensors, several of them in one dispatch: an optimiser's update of a Transformer is then 50 dispatches
 * instead of 150. A member is one tensor with those that belong to it, all of one size (a parameter, its moments, its
 * gradient); each workgroup has one block of one member.
 */
export interface ManyShader {
  /** Unique name, with everything that `block` depends on. */
  readonly key: string;
  /** Buffers (of f32 unless "name : type") of every member that are written (and may be read), and those that are only read. */
  readonly written: readonly string[];
  readonly read: readonly string[];
  /** Buffers that all members share. */
  readonly sharedWritten?: readonly string[];
  readonly sharedRead?: readonly string[];
  /** Further uniforms. */
  readonly fields: readonly string[];
  /**
   * WGSL for a workgroup's block: elements `begin` to `end` of a member, by 256 threads numbered `local`; `number` counts the blocks
   * of all members from 0. `of(name)` is the member's buffer of that name.
   */
  block(of: (name: string) => string): string;
}

/** The tensors of one member, in the order of the shader's names. */
export interface Member {
  readonly written: readonly tf.TensorInfo[];
  readonly read: readonly tf.TensorInfo[];
}

const threads = 256;
const blockSize = 4096;

/** Blocks that members of these sizes have together. */
export function blocksOf(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + Math.ceil(size / blockSize), 0);
}

/** Does the work on every member, as many to a dispatch as the device binds buffers. */
export function runMany(
  runner: ShaderRunner,
  shader: ManyShader,
  members: readonly Member[],
  shared: Member,
  uniforms: readonly (number | { readonly f: number })[],
): void {
  const own = shader.written.length + shader.read.length;
  const bound = shared.written.length + shared.read.length;
  const capacity = Math.max(
    1,
    Math.floor((runner.device.limits.maxStorageBuffersPerShaderStage - bound) / own),
  );
  const filled = members.filter((member) => sizeOfMember(member) > 0);
  let blocksBefore = 0;
  for (let start = 0; start < filled.length; start += capacity) {
    const together = filled.slice(start, start + capacity);
    const sizes = together.map(sizeOfMember);
    const ends = sizes.map((_, i) => blocksOf(sizes.slice(0, i + 1)));
    const blocks = ends[ends.length - 1];
    const row = Math.min(blocks, 65535);
    runner.run(
      shaderFor(shader, together.length),
      [...together.flatMap(({ written }) => written), ...shared.written],
      [...together.flatMap(({ read }) => read), ...shared.read],
      words(...uniforms, row, blocksBefore, ...sizes, ...ends),
      [row, Math.ceil(blocks / row), 1],
    );
    blocksBefore += blocks;
  }
}

function sizeOfMember({ written, read }: Member): number {
  return sizeOf([...written, ...read][0].shape);
}

/** The shader for so many members at once. */
function shaderFor(many: ManyShader, count: number): Shader {
  const { sharedWritten = [], sharedRead = [] } = many;
  const members = Array.from({ length: count }, (_, i) => i);
  const named = (names: readonly string[]): string[] =>
    members.flatMap((i) => names.map((name) => name.replace(/^\w+/, `$&_${i}`)));
  const written = [...named(many.written), ...sharedWritten];
  const read = [...named(many.read), ...sharedRead];
  const fields = [
    ...many.fields,
    "row",
    "before",
    ...members.map((i) => `n_${i}`),
    ...members.map((i) => `end_${i}`),
  ];
  const branch = (i: number): string => `if (b < u.end_${i}) {
    let begin = (b - ${i === 0 ? "0u" : `u.end_${i - 1}`}) * ${blockSize}u;
    let end = min(u.n_${i}, begin + ${blockSize}u);
    ${many.block((name) => `${name}_${i}`)}
    return;
  }`;
  return {
    key: `${many.key} of ${count}`,
    outputs: written.length,
    inputs: read.length,
    code: () => `${declareBindings(written, read, fields)}
${laneSum(threads)}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let b = group.y * u.row + group.x;
  let number = u.before + b;
  ${members.map(branch).join("\n  ")}
}`,
  };
}

/** WGSL of a block in which elements know nothing of each other: `element` is the work on element `i`. */
export function elementwise(element: string): string {
  return `for (var i = begin + local; i < end; i += ${threads}u) { ${element} }`;
}

/** WGSL of a block's sum of `term`, for every element `i`, into `target`; always in the same order. */
export function blockSum(term: string, target: string): string {
  return `var sum = 0.0;
    for (var i = begin + local; i < end; i += ${threads}u) { sum += ${term}; }
    let total = lane_sum(sum, local);
    if (local == 0u) { ${target} = total; }`;
}
