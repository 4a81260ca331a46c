import { declareProduct, stage, type Operand } from "./operand.js";
import type { Shader } from "./shader.js";

/** A tile of the result for each workgroup, cut among its subgroups, each with multiples of 16 x 16 elements. */
export interface TensorTile {
  readonly rows: number;
  readonly columns: number;
  /** Subgroups side by side along rows and columns. */
  readonly grid: readonly [number, number];
  /** How much of K is staged at once, a multiple of 16. */
  readonly depth: number;
}

/**
 * How much of a sum over K to leave to the tensor cores, which round towards zero, before it is added in float32: equal
 * shares of some 640, so that the relative error stays near 1e-6.
 */
export function accumulated(K: number, depth: number): number {
  const shares = Math.max(1, Math.round(K / 640));
  return Math.ceil(K / shares / depth) * depth;
}

const subgroup = 32;

/**
 * C[z] = A[z] B[z] in float32 accuracy on tensor cores that multiply float16: every element, scaled by a power of two,
 * is split into hi + lo / 2048, both float16, and a b = hi hi + (hi lo + lo hi) / 2048 (Ootomo and Yokota, "Recovering
 * single precision accuracy from Tensor Cores while surpassing the FP32 theoretical peak performance", 2022). The two
 * sums have accumulators of their own: with 2048 taken out, lo stays within float16's range where hi does. The power of
 * two belongs to a tile's strip of an operand and is found while the strip is in registers: its largest element becomes
 * 2^12 to 2^13; it is kept until a later strip would exceed 2^15, when what is summed so far is added to the result.
 * An element 2^-r of the largest in its strip is off by 2^-23 of itself, or by 2^(r - 48) where that is more. An infinity
 * makes the whole tile NaN.
 */
export function tensorGemm(
  key: string,
  a: Operand,
  b: Operand,
  fields: readonly string[],
  tile: TensorTile,
  split: boolean,
): Shader {
  const { rows, columns, grid, depth } = tile;
  return {
    key: `${key} tensor ${rows} ${columns} ${grid.join()} ${depth} ${a.vector} ${b.vector} ${split}`,
    outputs: 1,
    inputs: 2,
    code: () => code(a, b, fields, tile, split),
  };
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Where a strip lies in workgroup memory, in quads of float16: rows along the axis of memory, padded against bank conflicts. */
function layout(name: string, { alongK }: Operand, size: number, depth: number) {
  const pitch = (alongK ? depth : size) / 4 + 2;
  const quads = pitch * (alongK ? size : depth);
  const at = (x: string, k: string): string =>
    alongK ? `(${x}) * ${pitch}u + (${k}) / 4u` : `(${k}) * ${pitch}u + (${x}) / 4u`;
  const load = (part: string, x: string, k: number): string => {
    const [kind, major] = name === "A" ? ["left", alongK ? "row" : "col"] : ["right", alongK ? "col" : "row"];
    return `subgroupMatrixLoad<subgroup_matrix_${kind}<f16, 16, 16>, ${major}_major>(&${part}${name}, ${at(x, `${k}u`)}, ${pitch}u)`;
  };
  return { quads, at, load };
}

function code(a: Operand, b: Operand, fields: readonly string[], tile: TensorTile, split: boolean): string {
  const { rows, columns, grid, depth } = tile;
  const subgroups = grid[0] * grid[1];
  const threads = subgroups * subgroup;
  const [height, width] = [rows / grid[0], columns / grid[1]];
  const strips = [
    { name: "A", stage: stage("A", a, { size: rows, depth, threads, origin: "m0" }) },
    { name: "B", stage: stage("B", b, { size: columns, depth, threads, origin: "n0" }) },
  ] as const;
  const layouts = { A: layout("A", a, rows, depth), B: layout("B", b, columns, depth) };
  const [is, js] = [range(height / 16), range(width / 16)];
  const cells = (line: (i: number, j: number) => string): string =>
    is.flatMap((i) => js.map((j) => line(i, j))).join("\n    ");
  const each = (line: (name: "A" | "B") => string): string => `${line("A")}\n    ${line("B")}`;
  const store = strips
    .map(({ name, stage: { registers, x, k } }) =>
      registers
        .map((register, i) => `put${name}(${layouts[name].at(x[i], k)}, ${register} * scale${name});`)
        .join(" "),
    )
    .join("\n      ");
  const multiply = range(depth / 16)
    .map(
      (step) => `{
      ${is
        .map((i) =>
          ["hi", "lo"]
            .map((part) => `let ${part}A${i} = ${layouts.A.load(part, `top + ${16 * i}u`, 16 * step)};`)
            .join(" "),
        )
        .join("\n      ")}
      ${js
        .map(
          (j) => `{
        let high = ${layouts.B.load("hi", `left + ${16 * j}u`, 16 * step)};
        let low = ${layouts.B.load("lo", `left + ${16 * j}u`, 16 * step)};
        ${is
          .map(
            (i) => `low${i}_${j} = subgroupMatrixMultiplyAccumulate(hiA${i}, low, low${i}_${j});
        low${i}_${j} = subgroupMatrixMultiplyAccumulate(loA${i}, high, low${i}_${j});
        high${i}_${j} = subgroupMatrixMultiplyAccumulate(hiA${i}, high, high${i}_${j});`,
          )
          .join("\n        ")}
      }`,
        )
        .join(" ")}
    }`,
    )
    .join("\n    ");
  const fold = cells(
    (i, j) => `subgroupMatrixStore<row_major>(&scratch, 2u * mine, high${i}_${j}, 16u);
    subgroupMatrixStore<row_major>(&scratch, 2u * mine + 256u, low${i}_${j}, 16u);
    high${i}_${j} = subgroup_matrix_result<f32, 16, 16>();
    low${i}_${j} = subgroup_matrix_result<f32, 16, 16>();
    workgroupBarrier();
    add(part, m0 + top + ${16 * i}u, n0 + left + ${16 * j}u, mine, lane, unscale, folds > 0u);
    workgroupBarrier();`,
  );
  return `enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
diagnostic(off, chromium.subgroup_matrix_uniformity);
diagnostic(off, subgroup_uniformity);
${declareProduct(a, b, ["chunk", "length", "zero", ...fields])}
${each((name) => `var<workgroup> hi${name} : array<vec2<u32>, ${layouts[name].quads}>; var<workgroup> lo${name} : array<vec2<u32>, ${layouts[name].quads}>;`)}
var<workgroup> peaks : array<vec2<u32>, ${subgroups}>;
var<workgroup> scratch : array<f32, ${512 * subgroups}>;
${each(
  (name) => `fn put${name}(at : u32, x : vec4<f32>) {
  let hi = vec2<u32>(pack2x16float(x.xy), pack2x16float(x.zw));
  let seen = hi ^ vec2<u32>(u.zero); // keeps compilers from taking x - f32(f16(x)) for zero
  let lo = (x - vec4<f32>(unpack2x16float(seen.x), unpack2x16float(seen.y))) * 2048.0;
  hi${name}[at] = hi;
  lo${name}[at] = vec2<u32>(pack2x16float(lo.xy), pack2x16float(lo.zw));
}`,
)}
fn largest(x : vec4<f32>) -> f32 { let y = abs(x); return max(max(y.x, y.y), max(y.z, y.w)); }
// The exponent that brings a number with these bits to 2^12 or more and below 2^13.
fn powerFor(bits : u32) -> i32 { return min(139 - i32(bits >> 23u), 120); }
fn powerOf2(power : i32) -> f32 { return bitcast<f32>(u32(clamp(power, -127, 127) + 127) << 23u); }
// NaN if the strip holds an infinity: no scale would do.
fn scaleOf(power : i32, bits : u32) -> f32 { return bitcast<f32>((u32(power + 127) << 23u) | select(0u, 0x7fc00000u, bits >= 0x7f800000u)); }
// Writes 16 x 16 elements of the result, or adds to them; the elements come all at once, then are waited for.
fn add(z : u32, m0 : u32, n0 : u32, mine : u32, lane : u32, unscale : vec2<f32>, more : bool) {
  let m = m0 + lane / 16u;
  let n = n0 + lane % 16u;
  let at = (z * u.M + m) * u.N + n;
  ${range(8)
    .map(
      (q) =>
        `let in${q} = m + ${2 * q}u < u.M && n < u.N; var old${q} = 0.0; if (more && in${q}) { old${q} = C[at + ${2 * q}u * u.N]; }`,
    )
    .join("\n  ")}
  let source = 2u * mine + lane;
  ${range(8)
    .map(
      (q) =>
        `if (in${q}) { C[at + ${2 * q}u * u.N] = old${q} + (scratch[source + ${32 * q}u] + scratch[source + ${256 + 32 * q}u] / 2048.0) * unscale.x * unscale.y; }`,
    )
    .join("\n  ")}
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let m0 = group.y * ${rows}u;
  let n0 = group.x * ${columns}u;
  let part = group.z;
  let z = ${split ? "0u" : "group.z"};
  let start = ${split ? "group.z * u.chunk" : "0u"};
  let end = ${split ? "min(u.K, start + u.chunk)" : "u.K"};
  let own = local / ${subgroup}u;
  let lane = local % ${subgroup}u;
  let top = (own / ${grid[1]}u) * ${height}u;
  let left = (own % ${grid[1]}u) * ${width}u;
  let mine = own * 256u;
  ${strips.map(({ stage }) => stage.prepare).join("")}
  ${cells((i, j) => `var high${i}_${j} : subgroup_matrix_result<f32, 16, 16>; var low${i}_${j} : subgroup_matrix_result<f32, 16, 16>;`)}
  var power = vec2<i32>(0);
  var folds = 0u;
  var k0 = start;
  var stop = start + u.length;
  loop {
    ${strips.map(({ stage }) => stage.fetch).join("\n    ")}
    if (k0 > start) {
      ${multiply}
    }
    let peak = vec2<f32>(${strips
      .map(({ stage }) => stage.registers.map((r) => `largest(${r})`).reduce((x, y) => `max(${x}, ${y})`))
      .join(", ")});
    let bits = vec2<u32>(subgroupMax(bitcast<u32>(peak.x)), subgroupMax(bitcast<u32>(peak.y)));
    if (lane == 0u) { peaks[own] = bits; }
    let all = workgroupUniformLoad(&peaks); // waits for all: the strips of the step before are read
    let most = ${range(subgroups)
      .map((i) => `all[${i}]`)
      .reduce((x, y) => `max(${x}, ${y})`)};
    let best = vec2<i32>(powerFor(most.x), powerFor(most.y));
    if (k0 == start) {
      power = best;
    } else if (k0 >= end || k0 == stop || any(best + 2 < power)) {
      let total = power.x + power.y;
      let unscale = vec2<f32>(powerOf2(-(total / 2)), powerOf2(-(total - total / 2)));
      ${fold}
      if (k0 >= end) { break; }
      power = best;
      folds++;
      stop = k0 + u.length;
    }
    let scaleA = scaleOf(power.x, most.x);
    let scaleB = scaleOf(power.y, most.y);
    ${store}
    workgroupBarrier();
    k0 += ${depth}u;
  }
}`;
}
