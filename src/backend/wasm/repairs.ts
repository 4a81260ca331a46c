import * as tf from "@tensorflow/tfjs";
import { overrideKernel } from "../kernels.js";
import { installBroadcasts } from "./broadcast.js";
import { installGather } from "./gather.js";
import { asWasm } from "./heap.js";
import { installConvolutionGradients } from "./convolution.js";
import { installElementwise } from "./elementwise.js";
import type { Kernel } from "./kernel.js";
import { installMatMul } from "./matmul.js";
import { installPoolingGradient } from "./pooling.js";
import type { ProductTeam } from "./product-team.js";
import { installSums } from "./sums.js";
import { installTranspose } from "./transpose.js";
import { installUnfoldedConvolutions } from "./unfolded-convolution.js";

/**
 * Adds the kernels that training needs and TensorFlow.js's WASM backend lacks, computes wrongly or computes slowly.
 * @param team computes products and convolutions, where there is a BLAS
 */
export function repairWasm(kernel: Kernel, team?: ProductTeam): void {
  installOneHot();
  installGather();
  installIdentity();
  installMatMul(kernel, team);
  installConvolutionGradients(kernel);
  if (team) installUnfoldedConvolutions(kernel, team);
  installElementwise(kernel);
  installBroadcasts(kernel);
  installTranspose(kernel);
  installSums(kernel);
  installPoolingGradient(kernel);
}

/** The stock kernel writes integer bits into a float tensor (1 reads back as 1.4e-45): make it in integers, then cast. */
function installOneHot(): void {
  overrideKernel("wasm", "OneHot", (stock) => (args) => {
    if (args.attrs!.dtype === "int32") return stock!(args);
    const { depth, onValue, offValue, dtype } = args.attrs as unknown as OneHotAttributes;
    return tf.tidy(() =>
      tf.cast(tf.oneHot(args.inputs.indices as tf.Tensor, depth, onValue, offValue, "int32"), dtype),
    );
  });
}

interface OneHotAttributes {
  depth: number;
  onValue: number;
  offValue: number;
  dtype: tf.DataType;
}

/**
 * The stock kernels copy, once for every tensor that the tape saves, and for casts that change nothing: share the memory,
 * which is counted, as elsewhere.
 */
function installIdentity(): void {
  const share: tf.KernelFunc = ({ inputs, backend }) => {
    const { dataId, shape, dtype } = inputs.x as tf.TensorInfo;
    asWasm(backend).incRef(dataId);
    return { dataId, shape, dtype };
  };
  overrideKernel("wasm", "Identity", () => share);
  overrideKernel("wasm", "Cast", (stock) => (args) => {
    const same = (args.inputs.x as tf.TensorInfo).dtype === args.attrs!.dtype;
    return same ? share(args) : stock!(args);
  });
}
