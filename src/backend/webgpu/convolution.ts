import type * as tf from "@tensorflow/tfjs";
import { convolutionGeometry, overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { fitsGrid, gemm, type Product } from "./gemm.js";

type Geometry = tf.backend_util.Conv2DInfo;

/** Convolutions and both their gradients as implicit matrix products, any stride, no dilation. */
export function installConvolutions(): void {
  overrideKernel("webgpu", "Conv2D", (stock) => (args) => {
    const { x, filter } = args.inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
    const geometry = convolutionGeometry(x.shape, filter.shape, args.attrs!);
    return run(args.backend, forward(x, filter, geometry), geometry) ?? stock!(args);
  });
  overrideKernel("webgpu", "Conv2DBackpropInput", (stock) => (args) => {
    const { dy, filter } = args.inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
    const geometry = convolutionGeometry(args.attrs!.inputShape as number[], filter.shape, args.attrs!);
    return run(args.backend, inputGradient(dy, filter, geometry), geometry) ?? stock!(args);
  });
  overrideKernel("webgpu", "Conv2DBackpropFilter", (stock) => (args) => {
    const { x, dy } = args.inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
    const geometry = convolutionGeometry(x.shape, args.attrs!.filterShape as number[], args.attrs!);
    return run(args.backend, filterGradient(x, dy, geometry), geometry) ?? stock!(args);
  });
}

function run(backend: unknown, product: Product, g: Geometry): tf.TensorInfo | undefined {
  const plain = g.dataFormat === "channelsLast" && g.dilationHeight === 1 && g.dilationWidth === 1;
  return plain && fitsGrid(product) ? gemm(backend as PooledWebGpu, product) : undefined;
}

const fields = [
  "H : i32",
  "W : i32",
  "C",
  "OH : i32",
  "OW : i32",
  "F",
  "KH",
  "KW",
  "SH : i32",
  "SW : i32",
  "top : i32",
  "left : i32",
];

function values(g: Geometry): number[] {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } = g;
  const { strideHeight, strideWidth, padInfo } = g;
  const sizes = [inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth];
  return [...sizes, strideHeight, strideWidth, padInfo.top, padInfo.left];
}

/** Element of the input that output position `at` reads through tap-and-channel `tc`; zero in the padding. Buffer `A`. */
const readPatch = `fn readPatch(at : u32, tc : u32) -> f32 {
  let c = tc % u.C;
  let tap = tc / u.C;
  let position = at / u32(u.OW);
  let h = i32(position % u32(u.OH)) * u.SH - u.top + i32(tap / u.KW);
  let w = i32(at % u32(u.OW)) * u.SW - u.left + i32(tap % u.KW);
  if (h < 0 || w < 0 || h >= u.H || w >= u.W) { return 0.0; }
  return A[(((position / u32(u.OH)) * u32(u.H) + u32(h)) * u32(u.W) + u32(w)) * u.C + c];
}`;

/** y [positions, F] = patches [positions, taps * C] . filter [taps * C, F] */
function forward(x: tf.TensorInfo, filter: tf.TensorInfo, g: Geometry): Product {
  return {
    key: "convolution",
    M: g.batchSize * g.outHeight * g.outWidth,
    N: g.outChannels,
    K: g.filterHeight * g.filterWidth * g.inChannels,
    batch: 1,
    a: x,
    b: filter,
    readA: `${readPatch}\nfn readA(z : u32, m : u32, k : u32) -> f32 { return readPatch(m, k); }`,
    readB: "fn readB(z : u32, k : u32, n : u32) -> f32 { return B[k * u.N + n]; }",
    aAlongK: true,
    bAlongK: false,
    fields,
    values: values(g),
    outShape: g.outShape,
  };
}

/** dFilter [taps * C, F] = patches^T [taps * C, positions] . dy [positions, F] */
function filterGradient(x: tf.TensorInfo, dy: tf.TensorInfo, g: Geometry): Product {
  return {
    key: "convolution filter gradient",
    M: g.filterHeight * g.filterWidth * g.inChannels,
    N: g.outChannels,
    K: g.batchSize * g.outHeight * g.outWidth,
    batch: 1,
    a: x,
    b: dy,
    readA: `${readPatch}\nfn readA(z : u32, m : u32, k : u32) -> f32 { return readPatch(k, m); }`,
    readB: "fn readB(z : u32, k : u32, n : u32) -> f32 { return B[k * u.N + n]; }",
    aAlongK: false,
    bAlongK: false,
    fields,
    values: values(g),
    outShape: g.filterShape,
  };
}

/** dx [input positions, C] = what each tap sends back [input positions, taps * F] . filter read as [taps * F, C] */
function inputGradient(dy: tf.TensorInfo, filter: tf.TensorInfo, g: Geometry): Product {
  return {
    key: "convolution input gradient",
    M: g.batchSize * g.inHeight * g.inWidth,
    N: g.inChannels,
    K: g.filterHeight * g.filterWidth * g.outChannels,
    batch: 1,
    a: dy,
    b: filter,
    readA: `fn readA(z : u32, m : u32, k : u32) -> f32 {
  let tap = k / u.F;
  let position = m / u32(u.W);
  let h = i32(position % u32(u.H)) + u.top - i32(tap / u.KW);
  let w = i32(m % u32(u.W)) + u.left - i32(tap % u.KW);
  if (h < 0 || w < 0 || h % u.SH != 0 || w % u.SW != 0 || h / u.SH >= u.OH || w / u.SW >= u.OW) { return 0.0; }
  return A[(((position / u32(u.H)) * u32(u.OH) + u32(h / u.SH)) * u32(u.OW) + u32(w / u.SW)) * u.F + k % u.F];
}`,
    readB: "fn readB(z : u32, k : u32, n : u32) -> f32 { return B[((k / u.F) * u.C + n) * u.F + k % u.F]; }",
    aAlongK: true,
    bAlongK: true,
    fields,
    values: values(g),
    outShape: g.inShape,
  };
}
