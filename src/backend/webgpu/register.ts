import * as tf from "@tensorflow/tfjs";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { BackendError } from "../../core/errors.js";
import type { FusedOps } from "../fused.js";
import type { Recorder } from "../recording.js";
import { installConvolutions } from "./convolution.js";
import { PooledWebGpu } from "./dispatch.js";
import { fusedOps } from "./fused.js";
import { installMatMul } from "./matmul.js";
import { installMaxPoolGradient } from "./max-pool.js";
import { installReductions } from "./reduce.js";
import { installSegmentSum } from "./segment-sum.js";
import { installTranspose } from "./transpose.js";
import { incompatibility } from "./stock.js";

interface Registered {
  readonly fused: FusedOps;
  readonly recorder?: Recorder;
  /** What is unusual about it. */
  readonly note?: string;
  counters(): Readonly<Record<string, number>>;
  /** Waits until the device has done all that was asked. */
  finish(): Promise<void>;
}

/** Makes the device TensorFlow.js's current backend, with our dispatch and kernels where they fit the stock ones. */
export async function register(device: GPUDevice, info: GPUAdapterInfo): Promise<Registered> {
  const reason = incompatibility();
  tf.env().set("WEBGPU_USE_NAIVE_CONV2D_TRANSPOSE", false);
  if (tf.findBackendFactory("webgpu")) tf.removeBackend("webgpu");
  if (reason !== undefined) {
    const stock = new WebGPUBackend(device, info);
    await use(stock);
    const finish = async (): Promise<void> => {
      stock.submitQueue();
      await device.queue.onSubmittedWorkDone();
    };
    return { fused: {}, note: `stock dispatch and kernels: found ${reason}`, counters: () => ({}), finish };
  }
  const pooled = new PooledWebGpu(device, info);
  await use(pooled);
  installMatMul();
  installConvolutions();
  installMaxPoolGradient();
  installReductions();
  installSegmentSum();
  installTranspose();
  return {
    fused: fusedOps(pooled),
    recorder: process.env.SPECTRAL_RECORDING === "0" ? undefined : pooled,
    counters: () => ({ ...pooled.counters() }),
    finish: () => pooled.finish(),
  };
}

async function use(backend: object): Promise<void> {
  tf.registerBackend("webgpu", () => backend as tf.KernelBackend, 3);
  if (!(await tf.setBackend("webgpu")))
    throw new BackendError('backend "webgpu": TensorFlow.js refused the device');
}
