import * as tf from "@tensorflow/tfjs";
import { BackendError } from "../core/errors.js";
import type { Backend } from "./backend.js";
import { hostCtc } from "./host/ctc.js";

/** Starts TensorFlow.js's plain JavaScript backend: always there, 40 to 100 times slower than WebAssembly. */
export async function startJs(): Promise<Backend> {
  if (!(await tf.setBackend("cpu")))
    throw new BackendError('backend "js": TensorFlow.js\'s "cpu" backend did not start');
  return {
    name: "js",
    device: "CPU",
    description: "plain JavaScript on one CPU core (slow; for checking the other backends)",
    versions: { tfjs: tf.version.tfjs },
    engineName: "cpu",
    fused: { ctc: hostCtc },
    memory: () => ({ tensors: tf.memory().numTensors, bytes: tf.memory().numBytes }),
    checkDevice: () => {},
    settle: async () => {},
    dispose: () => tf.removeBackend("cpu"),
  };
}
