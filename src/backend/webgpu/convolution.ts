import type * as tf from "@tensorflow/tfjs";
import { convolutionGeometry, overrideKernel } from "../kernels.js";
import type { PooledWebGpu } from "./dispatch.js";
import { fitsGrid, gemm, type Product } from "./gemm.js";
import { sumOfOffsets, type Operand } from "./operand.js";

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
  "C : i32",
  "OH : i32",
  "OW : i32",
  "F : i32",
  "KH : i32",
  "KW : i32",
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

/** What an output position gives of the input elements it reads: offset, row and column of its first tap's. */
const atPosition = (index: string): string => `let row = i32(${index}) / u.OW;
  let h = (row % u.OH) * u.SH - u.top;
  let w = (i32(${index}) % u.OW) * u.SW - u.left;
  return vec3<i32>((((row / u.OH) * u.H + h) * u.W + w) * u.C, h, w);`;

/** What a tap and channel of the filter gives of the same. */
const atTap = (index: string): string => `let tap = i32(${index}) / u.C;
  let h = tap / u.KW;
  let w = tap % u.KW;
  return vec3<i32>((h * u.W + w) * u.C + i32(${index}) % u.C, h, w);`;

/** Zero in the padding. */
const inInput = `let h = place.y + step.y;
  let w = place.z + step.z;
  return select(-1, place.x + step.x, h >= 0 && h < u.H && w >= 0 && w < u.W);`;

/** A matrix with rows along k and columns along x. */
const byColumns = (tensor: tf.TensorInfo, columns: number): Operand => ({
  tensor,
  place: "return vec3<i32>(i32(x), 0, 0);",
  step: "return vec3<i32>(i32(k * u.N), 0, 0);",
  offset: sumOfOffsets,
  alongK: false,
  vector: columns % 4 === 0,
});

/** y [positions, F] = patches [positions, taps * C] . filter [taps * C, F] */
export function forward(x: tf.TensorInfo, filter: tf.TensorInfo, g: Geometry): Product {
  return {
    key: "convolution",
    M: g.batchSize * g.outHeight * g.outWidth,
    N: g.outChannels,
    K: g.filterHeight * g.filterWidth * g.inChannels,
    batch: 1,
    a: {
      ...{ tensor: x, place: atPosition("x"), step: atTap("k"), offset: inInput },
      ...{ alongK: true, vector: g.inChannels % 4 === 0 },
    },
    b: byColumns(filter, g.outChannels),
    fields,
    values: values(g),
    outShape: g.outShape,
  };
}

/** dFilter [taps * C, F] = patches^T [taps * C, positions] . dy [positions, F] */
export function filterGradient(x: tf.TensorInfo, dy: tf.TensorInfo, g: Geometry): Product {
  return {
    key: "convolution filter gradient",
    M: g.filterHeight * g.filterWidth * g.inChannels,
    N: g.outChannels,
    K: g.batchSize * g.outHeight * g.outWidth,
    batch: 1,
    a: {
      ...{ tensor: x, place: atTap("x"), step: atPosition("k"), offset: inInput },
      ...{ alongK: false, vector: g.inChannels % 4 === 0 },
    },
    b: byColumns(dy, g.outChannels),
    fields,
    values: values(g),
    outShape: g.filterShape,
  };
}

/** dx [input positions, C] = what each tap sends back [input positions, taps * F] . filter read as [taps * F, C] */
export function inputGradient(dy: tf.TensorInfo, filter: tf.TensorInfo, g: Geometry): Product {
  const [sh, sw] = [g.strideHeight, g.strideWidth];
  const vector = g.outChannels % 4 === 0;
  return {
    key: `convolution input gradient ${sh} ${sw}`,
    M: g.batchSize * g.inHeight * g.inWidth,
    N: g.inChannels,
    K: g.filterHeight * g.filterWidth * g.outChannels,
    batch: 1,
    a: {
      tensor: dy,
      place: `let row = i32(x) / u.W;
  return vec3<i32>((row / u.H) * u.OH * u.OW * u.F, row % u.H + u.top, i32(x) % u.W + u.left);`,
      step: `let tap = i32(k) / u.F;
  return vec3<i32>(i32(k) % u.F, -(tap / u.KW), -(tap % u.KW));`,
      offset: `let h = place.y + step.y;
  let w = place.z + step.z;
  let at = place.x + step.x + ((h / ${sh}) * u.OW + w / ${sw}) * u.F;
  return select(-1, at, h >= 0 && w >= 0 && h % ${sh} == 0 && w % ${sw} == 0 && h / ${sh} < u.OH && w / ${sw} < u.OW);`,
      ...{ alongK: true, vector },
    },
    b: {
      tensor: filter,
      place: "return vec3<i32>(i32(x) * u.F, 0, 0);",
      step: "return vec3<i32>((i32(k) / u.F) * u.C * u.F + i32(k) % u.F, 0, 0);",
      offset: sumOfOffsets,
      ...{ alongK: true, vector },
    },
    fields,
    values: values(g),
    outShape: g.inShape,
  };
}
