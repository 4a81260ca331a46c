import type * as tf from "@tensorflow/tfjs";
import type { Product } from "../../linalg/blas.js";
import { convolutionGeometry, overrideKernel } from "../kernels.js";
import { address, asWasm, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";
import type { ProductTeam } from "./product-team.js";
import { windowOf } from "./window.js";

type Geometry = tf.backend_util.Conv2DInfo;

/** Elements of patches that are made at a time: they stay in a cache until they are multiplied. */
const TILE = 2 ** 20;
/** But at least so many patches, or the products would be too narrow. */
const TILE_ROWS = 512;

/**
 * Convolutions and their gradients as matrix products by a BLAS: of patches [positions, KH KW C], made a tile at a time
 * while the tile before is multiplied, and the filter [KH KW C, F]. Convolutions that are dilated or not NHWC are left
 * to the kernels that were there.
 */
export function installUnfoldedConvolutions(kernel: Kernel, team: ProductTeam): void {
  overrideKernel("wasm", "Conv2D", (before) => (args) => {
    const { x, filter } = args.inputs as { x: tf.TensorInfo; filter: tf.TensorInfo };
    const geometry = convolutionGeometry(x.shape, filter.shape, args.attrs!);
    if (!isPlain(geometry)) return before!(args);
    return forward(kernel, team, asWasm(args.backend), x, filter, geometry);
  });
  overrideKernel("wasm", "Conv2DBackpropFilter", (before) => (args) => {
    const { x, dy } = args.inputs as { x: tf.TensorInfo; dy: tf.TensorInfo };
    const geometry = convolutionGeometry(x.shape, args.attrs!.filterShape as number[], args.attrs!);
    if (!isPlain(geometry)) return before!(args);
    return filterGradient(kernel, team, asWasm(args.backend), x, dy, geometry);
  });
  overrideKernel("wasm", "Conv2DBackpropInput", (before) => (args) => {
    const { dy, filter } = args.inputs as { dy: tf.TensorInfo; filter: tf.TensorInfo };
    const geometry = convolutionGeometry(args.attrs!.inputShape as number[], filter.shape, args.attrs!);
    if (!isPlain(geometry)) return before!(args);
    return inputGradient(kernel, team, asWasm(args.backend), dy, filter, geometry);
  });
}

function isPlain({ dataFormat, dilationHeight, dilationWidth }: Geometry): boolean {
  return dataFormat === "channelsLast" && dilationHeight === 1 && dilationWidth === 1;
}

/** y = patches(x) filter. */
function forward(
  kernel: Kernel,
  team: ProductTeam,
  heap: WasmHeap,
  x: tf.TensorInfo,
  filter: tf.TensorInfo,
  g: Geometry,
): tf.TensorInfo {
  const out = heap.makeOutput(g.outShape, "float32");
  const F = g.outChannels;
  const [atX, atFilter, atOut] = [x, filter, out].map((tensor) => address(heap, tensor));
  overTiles(team, heap, g, atX, ({ from, to, rows, patches }) => {
    if (!isPointwise(g)) kernel.unfold(from, to, ...windowOf(g), atX, patches);
    team.finish();
    const c = atOut + 4 * from * g.outWidth * F;
    const K = patchSize(g);
    team.post([
      { ...plain, m: rows, n: F, k: K, a: patches, pitchA: K, b: atFilter, pitchB: F, c, pitchC: F },
    ]);
  });
  return out;
}

/** dFilter = patches(x)^T dy, added up tile by tile. */
function filterGradient(
  kernel: Kernel,
  team: ProductTeam,
  heap: WasmHeap,
  x: tf.TensorInfo,
  dy: tf.TensorInfo,
  g: Geometry,
): tf.TensorInfo {
  const out = heap.makeOutput(g.filterShape, "float32");
  const F = g.outChannels;
  const K = patchSize(g);
  const [atX, atDy, c] = [x, dy, out].map((tensor) => address(heap, tensor));
  if (g.batchSize === 0) heap.typedArrayFromHeap(out).fill(0); // no tile would write it
  overTiles(team, heap, g, atX, ({ from, to, rows, patches }) => {
    if (!isPointwise(g)) kernel.unfold(from, to, ...windowOf(g), atX, patches);
    team.finish();
    const places = { a: patches, pitchA: K, b: atDy + 4 * from * g.outWidth * F, pitchB: F, c, pitchC: F };
    team.post([{ ...plain, ...places, transposeA: true, m: K, n: F, k: rows, add: from > 0 }]);
  });
  return out;
}

/** dX: every pixel's sum of the elements of dy filter^T that are gradients of its copies in patches. */
function inputGradient(
  kernel: Kernel,
  team: ProductTeam,
  heap: WasmHeap,
  dy: tf.TensorInfo,
  filter: tf.TensorInfo,
  g: Geometry,
): tf.TensorInfo {
  const out = heap.makeOutput(g.inShape, "float32");
  const F = g.outChannels;
  const K = patchSize(g);
  const [atDy, b, atOut] = [dy, filter, out].map((tensor) => address(heap, tensor));
  let before: Tile | undefined;
  const foldBefore = (): void => {
    if (before && !isPointwise(g)) kernel.fold(before.from, before.to, ...windowOf(g), atOut, before.patches);
  };
  if (!isPointwise(g)) heap.typedArrayFromHeap(out).fill(0);
  const work = (tile: Tile): void => {
    team.finish();
    const places = {
      a: atDy + 4 * tile.from * g.outWidth * F,
      pitchA: F,
      b,
      pitchB: F,
      c: tile.patches,
      pitchC: K,
    };
    team.post([{ ...plain, ...places, transposeB: true, m: tile.rows, n: K, k: F }]);
    foldBefore();
    before = tile;
  };
  overTiles(team, heap, g, atOut, work, foldBefore);
  return out;
}

/** A run of rows of output pixels, and where the patches of its pixels lie. */
interface Tile {
  /** First row of output pixels, counted over all images, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** Output pixels. */
  readonly rows: number;
  readonly patches: number;
}

/**
 * Calls `work` for all tiles in order; two in a row have different memory for their patches. Where a patch is a pixel, the
 * image itself, which lies at `image`, is its patches, and there is one tile. `end` is called when all products are computed,
 * before that memory is freed.
 */
function overTiles(
  team: ProductTeam,
  heap: WasmHeap,
  g: Geometry,
  image: number,
  work: (tile: Tile) => void,
  end = (): void => undefined,
): void {
  const all = g.batchSize * g.outHeight;
  if (isPointwise(g)) {
    work({ from: 0, to: all, rows: all * g.outWidth, patches: image });
    team.finish();
    return;
  }
  const pixels = Math.max(TILE_ROWS, Math.floor(TILE / patchSize(g)));
  const step = Math.min(all, Math.ceil(pixels / g.outWidth));
  const scratch = [0, 1].map(() => heap.makeOutput([step * g.outWidth, patchSize(g)], "float32"));
  for (let from = 0, i = 0; from < all; from += step, i++) {
    const to = Math.min(all, from + step);
    work({ from, to, rows: (to - from) * g.outWidth, patches: address(heap, scratch[i % 2]) });
  }
  team.finish();
  end();
  for (const { dataId } of scratch) heap.disposeData(dataId);
}

function isPointwise(g: Geometry): boolean {
  const { top, bottom, left, right } = g.padInfo;
  const sizes = [g.filterHeight, g.filterWidth, g.strideHeight, g.strideWidth];
  return sizes.every((n) => n === 1) && [top, bottom, left, right].every((n) => n === 0);
}

function patchSize(g: Geometry): number {
  return g.filterHeight * g.filterWidth * g.inChannels;
}

/** What most products here have in common. */
const plain = {
  transposeA: false,
  transposeB: false,
  add: false,
  count: 1,
  strideA: 0,
  strideB: 0,
  strideC: 0,
} as const satisfies Partial<Product>;
