import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs";
import { BackendError, messageOf } from "../../core/errors.js";
import type { Backend } from "../backend.js";
import type * as Adapter from "./adapter.js";

/** A WebGPU backend, with what benchmarks and tests look at beside the contract. */
export interface WebGpuBackend extends Backend {
  readonly gpuDevice: GPUDevice;
  /** Counts since start (dispatches, buffers made, ...); empty where the stock dispatch runs. */
  counters(): Readonly<Record<string, number>>;
}

/**
 * Starts WebGPU through Dawn (Vulkan, Metal or Direct3D 12).
 * @param options.software whether a software renderer will do: it is for tests, WebAssembly is faster
 * @throws BackendError if there is no adapter, or only a software one and that is not wanted
 */
export async function startWebGpu({ software = false } = {}): Promise<WebGpuBackend> {
  const { DeviceWatch, findAdapter, installWebGpu, isSoftware, requestDevice, tensorCores } =
    await loadDawn();
  const adapter = await findAdapter(installWebGpu());
  if (!adapter) {
    throw new BackendError(
      'backend "webgpu": no graphics driver answered; "spectral doctor" says what to install',
    );
  }
  const { device: model, description: driver, vendor } = adapter.info;
  if (isSoftware(adapter) && !software) {
    throw new BackendError(`backend "webgpu": only a software renderer answered (${driver || model})`);
  }
  const name = model || driver || vendor;
  const device = await requestDevice(adapter);
  const watch = new DeviceWatch(device, name);
  const { register } = await import("./register.js");
  const { fused, recorder, note, counters, finish } = await register(device, adapter.info);
  const products = note === undefined ? tensorCores(adapter) : undefined;
  const remark = note ?? (products && `products: ${products}`);
  return {
    name: "webgpu",
    device: name,
    description: `WebGPU on ${name}${remark ? ` (${remark})` : ""}`,
    versions: {
      ...{ tfjs: tf.version.tfjs, webgpu: packageVersion("webgpu"), driver },
      ...(products && { products }),
    },
    engineName: "webgpu",
    fused,
    recorder,
    gpuDevice: device,
    counters,
    memory: () => {
      const { numTensors, numBytes, numBytesAllocatedInGPU } = tf.memory() as tf.MemoryInfo &
        Record<string, number>;
      return { tensors: numTensors, bytes: numBytes, deviceBytes: numBytesAllocatedInGPU };
    },
    checkDevice: () => watch.check(),
    settle: async () => {
      await finish();
      watch.check();
    },
    dispose: () => {
      watch.stop();
      tf.removeBackend("webgpu");
    },
  };
}

async function loadDawn(): Promise<typeof Adapter> {
  try {
    return await import("./adapter.js");
  } catch (error) {
    throw new BackendError(`backend "webgpu": the package "webgpu" does not load here: ${messageOf(error)}`);
  }
}

function packageVersion(name: string): string {
  try {
    return (createRequire(import.meta.url)(`${name}/package.json`) as { version: string }).version;
  } catch {
    return "unknown"; // a bundle, or a package that hides its package.json
  }
}
