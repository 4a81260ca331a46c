import { declareProduct, stage, type Operand, type Staging } from "./operand.js";
import type { Shader } from "./shader.js";

const threads = 256;
const depth = 16;

/**
 * C[z] = A[z] B[z] in float32. Each workgroup of 16 x 16 threads makes a tile of size x size elements; each thread
 * size/16 x size/16 of them, in registers, from strips of A and B that the group loads into shared memory together,
 * while the next strips are on their way into registers.
 */
export function floatGemm(
  key: string,
  a: Operand,
  b: Operand,
  fields: readonly string[],
  size: 64 | 128,
  split: boolean,
): Shader {
  return {
    key: `${key} float ${size} ${a.vector} ${b.vector} ${split}`,
    outputs: 1,
    inputs: 2,
    code: () => code(a, b, fields, size, split),
  };
}

function code(a: Operand, b: Operand, fields: readonly string[], size: number, split: boolean): string {
  const perThread = size / 16;
  const quads = perThread / 4;
  const pitch = size / 4 + 1; // in quads; keeps neighbouring rows in different memory banks
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
  const lines = (n: number, line: (i: number) => string): string => range(n).map(line).join("\n      ");
  const cells = (line: (i: number, j: number) => string): string =>
    lines(perThread, (i) =>
      range(quads)
        .map((j) => line(i, j))
        .join(" "),
    );
  const stageA = stage("A", a, { size, depth, threads, origin: "m0" });
  const stageB = stage("B", b, { size, depth, threads, origin: "n0" });
  const put = (strip: string, { alongK }: Operand, { registers, x, k }: Staging): string =>
    registers
      .map((register, i) =>
        alongK
          ? range(4)
              .map(
                (q) =>
                  `${strip}[(${k} + ${q}u) * ${pitch}u + ${x[i]} / 4u][${x[i]} % 4u] = ${register}[${q}];`,
              )
              .join(" ")
          : `${strip}[${k} * ${pitch}u + ${x[i]} / 4u] = ${register};`,
      )
      .join("\n    ");
  return `${declareProduct(a, b, ["chunk", ...fields])}
var<workgroup> stripA : array<vec4<f32>, ${depth * pitch}>;
var<workgroup> stripB : array<vec4<f32>, ${depth * pitch}>;
fn store(z : u32, m : u32, n : u32, value : f32) { if (m < u.M && n < u.N) { C[(z * u.M + m) * u.N + n] = value; } }
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let column = local % 16u;
  let row = local / 16u;
  let m0 = group.y * ${size}u;
  let n0 = group.x * ${size}u;
  let z = ${split ? "0u" : "group.z"};
  let start = ${split ? "group.z * u.chunk" : "0u"};
  let end = ${split ? "min(u.K, start + u.chunk)" : "u.K"};
  ${stageA.prepare}
  ${stageB.prepare}
  ${cells((i, j) => `var c${i}_${j} = vec4<f32>(0.0);`)}
  var k0 = start;
  loop {
    ${stageA.fetch}
    ${stageB.fetch}
    if (k0 > start) {
      for (var k = 0u; k < ${depth}u; k++) {
        ${lines(quads, (i) => `let a${i} = stripA[k * ${pitch}u + row + ${16 * i}u];`)}
        ${lines(quads, (j) => `let b${j} = stripB[k * ${pitch}u + column + ${16 * j}u];`)}
        ${cells((i, j) => `c${i}_${j} = fma(vec4<f32>(a${i >> 2}[${i & 3}]), b${j}, c${i}_${j});`)}
      }
    }
    if (k0 >= end) { break; }
    workgroupBarrier();
    ${put("stripA", a, stageA)}
    ${put("stripB", b, stageB)}
    workgroupBarrier();
    k0 += ${depth}u;
  }
  ${cells((i, j) =>
    range(4)
      .map(
        (q) =>
          `store(group.z, m0 + row * 4u + ${(i >> 2) * 64 + (i & 3)}u, n0 + column * 4u + ${j * 64 + q}u, c${i}_${j}[${q}]);`,
      )
      .join(" "),
  )}
}`;
}
