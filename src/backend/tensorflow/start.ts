import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs";
import { BackendError, messageOf } from "../../core/errors.js";
import type { Backend } from "../backend.js";
import { hostCtc } from "../host/ctc.js";

/** What we use of the native backend's class. */
interface NativeBackend {
  readonly isUsingGpuDevice: boolean;
  readonly binding: { readonly TF_Version: string };
}

/**
 * Starts native TensorFlow (`@tensorflow/tfjs-node-gpu`, which computes on the CPU where it finds no GPU).
 * @param options.gpu whether it must have a GPU
 * @throws BackendError if the package or its binary is not there, or has no GPU and needs one
 */
export async function startTensorFlow({ gpu }: { gpu: boolean }): Promise<Backend> {
  const name = gpu ? "tensorflow-gpu" : "tensorflow";
  const version = load(name);
  if (!(await tf.setBackend("tensorflow")))
    throw new BackendError(`backend "${name}": native TensorFlow did not start`);
  const native = tf.backend() as unknown as NativeBackend;
  if (gpu && !native.isUsingGpuDevice) {
    throw new BackendError(
      `backend "tensorflow-gpu": TensorFlow ${native.binding.TF_Version} loaded but sees no GPU; it needs CUDA 11 with cuDNN 8`,
    );
  }
  const device = native.isUsingGpuDevice ? "GPU" : "CPU";
  return {
    name,
    device,
    description: `native TensorFlow ${native.binding.TF_Version} on the ${device}`,
    versions: { tfjs: tf.version.tfjs, "tfjs-node-gpu": version, tensorflow: native.binding.TF_Version },
    engineName: "tensorflow",
    fused: { ctc: hostCtc },
    memory: () => ({ tensors: tf.memory().numTensors, bytes: tf.memory().numBytes }),
    checkDevice: () => {},
    settle: async () => {},
    dispose: () => tf.removeBackend("tensorflow"),
  };
}

/** Loads the native package, which registers itself with the TensorFlow.js that we import. Returns its version. */
function load(name: string): string {
  const require = createRequire(import.meta.url);
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2"; // errors only
  const util = require("node:util") as { isNullOrUndefined?: (x: unknown) => boolean };
  util.isNullOrUndefined ??= (x) => x === null || x === undefined; // used by the package, gone from Node 23
  try {
    require("@tensorflow/tfjs-node-gpu");
    return (require("@tensorflow/tfjs-node-gpu/package.json") as { version: string }).version;
  } catch (error) {
    throw new BackendError(
      `backend "${name}": @tensorflow/tfjs-node-gpu does not load (${messageOf(error).split("\n")[0]}); ` +
        'it is optional: "npm rebuild @tensorflow/tfjs-node-gpu" fetches its binary where the network allows',
    );
  }
}
