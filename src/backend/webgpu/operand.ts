import type * as tf from "@tensorflow/tfjs";
import { declareBindings } from "./shader.js";

/**
 * One operand of a matrix product: a matrix of elements (x, k), k being the index that is summed over, laid over a
 * buffer by index arithmetic in WGSL. Each element's offset comes from what x gives (`place`, computed once) and what
 * k gives (`step`), so that convolutions are products of implicit matrices without a division for each element.
 */
export interface Operand {
  readonly tensor: tf.TensorInfo;
  /** WGSL body of `fn (z: u32, x: u32) -> vec3<i32>`, z being the matrix of a batch. */
  readonly place: string;
  /** WGSL body of `fn (k: u32) -> vec3<i32>`. */
  readonly step: string;
  /**
   * WGSL body of `fn (place: vec3<i32>, step: vec3<i32>) -> i32`: the element's offset in the buffer, negative where it
   * is zero. Must be at most `place.x + step.x` or negative where either is below -2^29, as outside of the matrix.
   */
  readonly offset: string;
  /** Whether neighbouring k (or else x) lie next to each other in memory. */
  readonly alongK: boolean;
  /** Whether four neighbours along that axis, the first a multiple of four, are always four neighbours in memory, at a multiple of four, or all zero. */
  readonly vector: boolean;
}

/** The body of `offset` where nothing but the sum matters. */
export const sumOfOffsets = "return place.x + step.x;";

/** How the threads of a workgroup bring a strip of `size` x `depth` elements of an operand into registers. */
export interface Staging {
  /** WGSL statements that prepare what does not depend on k; `z`, `local` and `origin` (of x) are in scope by name. */
  readonly prepare: string;
  /** WGSL statements that fetch the strip at `k0` (no elements at `end` or after) into the registers `registers`. */
  readonly fetch: string;
  /** Registers of type vec4<f32>, four elements along the axis of memory each. */
  readonly registers: readonly string[];
  /** WGSL expressions of each register's first element within the strip. */
  readonly x: readonly string[];
  readonly k: string;
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/**
 * WGSL declarations of a product's buffers and uniforms, and of what fetches the operands' elements, once for each z
 * and x (`placeOfA`), for each k below `end` (`stepOfA`), and for both (`fetchA`: one element, or four where the operand
 * is a vector's). Outside of the matrices all are zero.
 */
export function declareProduct(a: Operand, b: Operand, uniforms: readonly string[]): string {
  const elementOf = ({ vector }: Operand): string => (vector ? "vec4<f32>" : "f32");
  const fetching = (name: "A" | "B", operand: Operand, extent: string): string => `
fn placeOf${name}(z : u32, x : u32) -> vec3<i32> { if (x >= ${extent}) { return outside; } return inside${name}(z, x); }
fn stepOf${name}(k : u32, end : u32) -> vec3<i32> { if (k >= end) { return outside; } return within${name}(k); }
fn inside${name}(z : u32, x : u32) -> vec3<i32> { ${operand.place} }
fn within${name}(k : u32) -> vec3<i32> { ${operand.step} }
fn offset${name}(place : vec3<i32>, step : vec3<i32>) -> i32 { ${operand.offset} }
fn fetch${name}(place : vec3<i32>, step : vec3<i32>) -> ${elementOf(operand)} {
  let at = offset${name}(place, step);
  var x = ${elementOf(operand)}();
  if (at >= 0) { x = ${name}[u32(at)${operand.vector ? " / 4u" : ""}]; } // no select: it would wait for the element
  return x;
}`;
  return `${declareBindings(["C"], [`A : ${elementOf(a)}`, `B : ${elementOf(b)}`], ["M", "N", "K", ...uniforms])}
const outside = vec3<i32>(-1073741824, 0, 0);
${fetching("A", a, "u.M")}
${fetching("B", b, "u.N")}`;
}

/**
 * @param name "A" or "B", the buffer's name
 * @param origin WGSL expression of the tile's first x
 */
export function stage(
  name: "A" | "B",
  { alongK, vector }: Operand,
  { size, depth, threads, origin }: { size: number; depth: number; threads: number; origin: string },
): Staging {
  const across = alongK ? depth / 4 : threads / depth; // threads side by side along the axis of memory
  const perPass = alongK ? threads / across : 4 * across; // x covered by all threads at once
  const passes = size / perPass;
  const registers = range(passes).map((i) => `fetched${name}${i}`);
  const k = `at${name}`;
  const x = range(passes).map((i) => `(along${name} + ${i * perPass}u)`);
  const lanes = vector ? [0] : range(4);
  const places = range(passes).map((i) =>
    lanes.map((q) => (alongK && q > 0 ? `place${name}${i}_0` : `place${name}${i}_${q}`)),
  );
  const placed = places.flatMap((row, i) =>
    [...new Set(row)].map(
      (variable, q) => `let ${variable} = placeOf${name}(z, ${origin} + ${x[i]}${q > 0 ? ` + ${q}u` : ""});`,
    ),
  );
  const steps = lanes.filter((q) => alongK || q === 0);
  const stepOf = (q: number): string => `step${name}${alongK ? q : 0}`;
  const fetched = registers.map((register, i) => {
    const parts = lanes.map((q) => `fetch${name}(${places[i][q]}, ${stepOf(q)})`);
    return `${register} = ${vector ? parts[0] : `vec4<f32>(${parts.join(", ")})`};`;
  });
  return {
    prepare: `
  let ${k} = ${alongK ? `4u * (local % ${across}u)` : `local / ${across}u`};
  let along${name} = ${alongK ? `local / ${across}u` : `4u * (local % ${across}u)`};
  ${placed.join("\n  ")}
  ${registers.map((register) => `var ${register} : vec4<f32>;`).join(" ")}`,
    fetch: `{
      ${steps.map((q) => `let ${stepOf(q)} = stepOf${name}(k0 + ${k} + ${q}u, end);`).join(" ")}
      ${fetched.join(" ")}
    }`,
    registers,
    x,
    k,
  };
}
