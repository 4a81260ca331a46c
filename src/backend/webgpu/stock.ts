import * as tf from "@tensorflow/tfjs";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import type { PooledBuffer } from "./pool.js";

/** What the stock backend keeps for each tensor. */
export interface TensorData {
  values: tf.backend_util.BackendValues | null;
  dtype: tf.DataType;
  shape: number[];
  refCount: number;
  resource?: PooledBuffer | null;
  /** The buffer is not the tensor's own: it is not released with it. */
  external?: boolean;
}

/** A program of the stock backend, as `recordAndSubmit` receives it. */
export interface StockProgram {
  pipeline: GPUComputePipeline;
  dispatch: [number, number, number];
  outputShape: number[];
  outputComponent?: number;
  size?: boolean;
  pixelsOpType?: unknown;
}

export type StockUniforms = { type: string; data: number[] }[];

/** The members of the stock backend, private ones included, on which ours is built. */
export interface StockBackend extends tf.KernelBackend {
  device: GPUDevice;
  queue: GPUQueue;
  bufferManager: unknown;
  tensorMap: {
    get(dataId: object): TensorData;
    has(dataId: object): boolean;
    delete(dataId: object): boolean;
  };
  commandEncoder: GPUCommandEncoder | null;
  computePassEncoder: GPUComputePassEncoder | null;
  dispatchCountInPass: number;
  activeTimers: unknown;
  makeTensorInfo(
    shape: readonly number[],
    dtype: tf.DataType,
    values?: tf.backend_util.BackendValues,
  ): tf.TensorInfo;
  disposeData(dataId: object, force?: boolean): boolean;
  releaseResource(dataId: object): void;
  uploadToGPU(dataId: object): void;
  submitQueue(): void;
  endComputePassEncoder(): void;
  recordAndSubmit(
    program: StockProgram,
    output: tf.TensorInfo,
    inputs: tf.TensorInfo[],
    uniforms?: StockUniforms,
  ): void;
  read(dataId: object): Promise<tf.backend_util.BackendValues>;
  dispose(): void;
}

/** The stock backend's class, seen with its private members. */
export const Stock = WebGPUBackend as unknown as new (
  device: GPUDevice,
  info: GPUAdapterInfo,
) => StockBackend;

const builtOn = "4.22.0";
const methods = [
  "disposeData",
  "makeTensorInfo",
  "read",
  "recordAndSubmit",
  "releaseResource",
  "runWebGPUProgram",
  "submitQueue",
  "uploadToGPU",
];

/**
 * Why the stock backend is not the one that ours was written against; undefined if it is. Ours replaces internals, and
 * runs without them rather than on top of changed ones.
 */
export function incompatibility(): string | undefined {
  if (tf.version.tfjs !== builtOn) return `TensorFlow.js ${tf.version.tfjs} instead of ${builtOn}`;
  const missing = methods.filter((name) => !(name in WebGPUBackend.prototype));
  return missing.length > 0 ? `tfjs-backend-webgpu lacks ${missing.join(", ")}` : undefined;
}
