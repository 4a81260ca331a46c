import type * as tf from "@tensorflow/tfjs";

/** One of our own compute shaders. */
export interface Shader {
  /** Unique name, with everything that `code` depends on. */
  readonly key: string;
  /** Storage buffers written, bindings 0 .. outputs - 1. */
  readonly outputs: number;
  /** Storage buffers read, the bindings after. */
  readonly inputs: number;
  /** WGSL; the entry point is `main`. Called once. */
  code(): string;
  /**
   * Whether the shader runs once for each of many steps (`PooledWebGpu.runSteps`) and reads the step's number from
   * `step.index`, declared by `declareStep`.
   */
  readonly stepped?: boolean;
}

/** What runs shaders on a device. */
export interface ShaderRunner {
  readonly device: GPUDevice;
  /** Inputs are uploaded if need be; outputs with content are written over. */
  run(
    shader: Shader,
    outputs: readonly tf.TensorInfo[],
    inputs: readonly tf.TensorInfo[],
    uniforms: Uint32Array,
    grid: Grid,
  ): void;
}

/** Workgroups along x, y, z. */
export type Grid = readonly [number, number, number];

/** WGSL declarations of a shader's buffers (arrays of f32 unless "name: type") and uniforms (`u.name`, 32-bit words). */
export function declareBindings(
  outputs: readonly string[],
  inputs: readonly string[],
  uniforms: readonly string[],
): string {
  const storage = (access: string) => (field: string, i: number) => {
    const [name, type = "f32"] = field.split(":").map((part) => part.trim());
    return `@group(0) @binding(${i}) var<storage, ${access}> ${name} : array<${type}>;`;
  };
  const fields = uniforms.map((field) => (field.includes(":") ? field : `${field} : u32`)).join(", ");
  const reads = inputs.map((name, i) => storage("read")(name, i + outputs.length));
  return [
    ...outputs.map(storage("read_write")),
    ...reads,
    `struct Uniforms { ${fields} };`,
    `@group(0) @binding(${outputs.length + inputs.length}) var<uniform> u : Uniforms;`,
  ].join("\n");
}

/** WGSL declaration of the step's number in a stepped shader. */
export function declareStep(shader: { outputs: number; inputs: number }): string {
  return `struct Step { index : u32 };
@group(0) @binding(${shader.outputs + shader.inputs + 1}) var<uniform> step : Step;`;
}

/** Packs whole numbers and floats (given as { f: value }) into 32-bit words for the uniforms. */
export function words(...values: readonly (number | { readonly f: number })[]): Uint32Array {
  const packed = new Uint32Array(values.length);
  const floats = new Float32Array(packed.buffer);
  values.forEach((value, i) => {
    if (typeof value === "number") packed[i] = value;
    else floats[i] = value.f;
  });
  return packed;
}

/**
 * A grid for one thread per element, as rows of workgroups where one row is too long.
 * In WGSL: `let i = id.y * u.row + id.x; if (i >= u.n) { return; }`.
 */
export function flatGrid(elements: number, workgroupSize: number): { grid: Grid; row: number } {
  const groups = Math.ceil(elements / workgroupSize);
  const x = Math.min(groups, 65535);
  return { grid: [x, Math.ceil(groups / x), 1], row: x * workgroupSize };
}

/**
 * WGSL loop that does `body` for r = first, first + step, ... below end, in this order, with several rounds side by side so that
 * their reads are under way together: sums over memory are bound by its latency.
 */
export function pipelinedLoop(
  r: string,
  { first, end, step }: { first: string; end: string; step: string },
  body: string,
  rounds = 4,
): string {
  const round = (k: number): string => `{ let ${r} = ${r}_first + ${k}u * ${step}; ${body} }`;
  return `{
    var ${r}_first = ${first};
    for (; ${r}_first + ${rounds - 1}u * ${step} < ${end}; ${r}_first += ${rounds}u * ${step}) {
      ${Array.from({ length: rounds }, (_, k) => round(k)).join("\n      ")}
    }
    for (; ${r}_first < ${end}; ${r}_first += ${step}) ${round(0)}
  }`;
}
