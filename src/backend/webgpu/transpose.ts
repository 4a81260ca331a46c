import type * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../../core/array.js";
import { overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, words, type Shader } from "./shader.js";

const tile = 32;

/**
 * Transposes of rank 3 and 4 that bring the first axis last or the last axis first (a convolution's filter on its way from PyTorch's
 * layout and its gradient on the way back), through tiles in shared memory: reads and writes are of neighbouring elements,
 * where the stock kernel reads single ones far apart.
 */
export function installTranspose(): void {
  overrideKernel("webgpu", "Transpose", (stock) => (args) => {
    const { x } = args.inputs as { x: tf.TensorInfo };
    const { perm } = args.attrs as unknown as { perm: number[] };
    const { shape } = x;
    const rank = shape.length;
    const last = rank - 1;
    const firstToLast = perm[last] === 0;
    const plain = x.dtype === "float32" && (rank === 3 || rank === 4) && sizeOf(shape) > 0;
    if (!plain || !(firstToLast || perm[0] === last)) return stock!(args);

    // The moved axis against the others: in these, entry j of one side's order is entry place(j) of the other side's.
    const own = shape[firstToLast ? 0 : last];
    const others = sizeOf(shape) / own;
    const before = shape.map((_, axis) => axis).filter((axis) => axis !== (firstToLast ? 0 : last));
    const after = perm.filter((axis) => axis !== (firstToLast ? 0 : last));
    const [from, to] = firstToLast ? [before, after] : [after, before];
    const strides = from.map((axis) => sizeOf(to.slice(to.indexOf(axis) + 1).map((a) => shape[a])));
    const sizes = from.map((axis) => shape[axis]);
    while (sizes.length < 3) {
      sizes.unshift(1);
      strides.unshift(0);
    }
    const [columns, rows] = [Math.ceil(others / tile), Math.ceil(own / tile)];
    if (columns > 65535 || rows > 65535) return stock!(args);
    const backend = args.backend as PooledWebGpu;
    const out = backend.makeTensorInfo(
      perm.map((axis) => shape[axis]),
      "float32",
    );
    const uniforms = words(own, others, sizes[1], sizes[2], ...strides);
    backend.run(firstToLast ? firstToLastShader : lastToFirstShader, [out], [x], uniforms, [
      columns,
      rows,
      1,
    ]);
    return out;
  });
}

/** One side lies as own x others, the other as others (in another order) x own. */
function shader(key: string, read: string, write: string): Shader {
  return {
    key,
    outputs: 1,
    inputs: 1,
    code: () => `${declareBindings(["y"], ["x"], ["own", "others", "size1", "size2", "stride0", "stride1", "stride2"])}
var<workgroup> strip : array<f32, ${tile * (tile + 1)}>; // by j, then i
fn place(j : u32) -> u32 {
  return j / u.size2 / u.size1 * u.stride0 + j / u.size2 % u.size1 * u.stride1 + j % u.size2 * u.stride2;
}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let along = local % ${tile}u;
  for (var k = local / ${tile}u; k < ${tile}u; k += ${256 / tile}u) {
    ${read}
  }
  workgroupBarrier();
  for (var k = local / ${tile}u; k < ${tile}u; k += ${256 / tile}u) {
    ${write}
  }
}`,
  };
}

/** Element (i, j) of the tile: threads go along j, or along i. */
const alongJ = `let i = group.y * ${tile}u + k;
    let j = group.x * ${tile}u + along;
    let at = along * ${tile + 1}u + k;`;
const alongI = `let i = group.y * ${tile}u + along;
    let j = group.x * ${tile}u + k;
    let at = k * ${tile + 1}u + along;`;
const inside = "if (i < u.own && j < u.others)";

const firstToLastShader = shader(
  "transpose, first axis last",
  `${alongJ}
    ${inside} { strip[at] = x[i * u.others + j]; }`,
  `${alongI}
    ${inside} { y[place(j) * u.own + i] = strip[at]; }`,
);
const lastToFirstShader = shader(
  "transpose, last axis first",
  `${alongI}
    ${inside} { strip[at] = x[place(j) * u.own + i]; }`,
  `${alongJ}
    ${inside} { y[i * u.others + j] = strip[at]; }`,
);
