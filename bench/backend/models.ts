import * as tf from "@tensorflow/tfjs";
import type { Recorder } from "spectral-lab/backend/recording";
import { randomStream } from "spectral-lab/core/random";
import type { ImageTensors } from "spectral-lab/models/classification";
import { lstm } from "spectral-lab/models/lstm";
import { mlp } from "spectral-lab/models/mlp";
import { modularAddition } from "spectral-lab/models/modular-addition";
import { resnet } from "spectral-lab/models/resnet";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import type { Model } from "spectral-lab/nn/model";
import { adamw } from "spectral-lab/optim/adamw";
import type { Optimiser } from "spectral-lab/optim/optimiser";
import { sgd } from "spectral-lab/optim/sgd";
import { stepperOf } from "spectral-lab/train/recorded-stepper";
import { initialisation, stateOf } from "spectral-lab/train/start";
import type { Stepper } from "spectral-lab/train/stepper";

/** A model, its optimiser and one batch of made-up data. */
export interface Workload {
  readonly model: Model<never>;
  readonly optimiser: Optimiser;
  readonly batch: never;
}

function uniform(name: string, shape: number[]): tf.Tensor {
  const random = randomStream(11, name);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.uniform(-1.7, 1.7)),
    shape,
  );
}

function integers(name: string, shape: number[], low: number, high: number): tf.Tensor {
  const random = randomStream(11, name);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Int32Array.from({ length: size }, () => low + random.integer(high - low)),
    shape,
    "int32",
  );
}

const workload = <Batch>(model: Model<Batch>, optimiser: Optimiser, batch: Batch): Workload =>
  ({ model, optimiser, batch }) as unknown as Workload;

/** A classifier of n images of a size (height, width, channels), trained by SGD with momentum. */
function images(
  model: Model<ImageTensors>,
  n: number,
  size: readonly number[],
  weightDecay: number,
): Workload {
  const batch = {
    images: uniform("images", [n, ...size]) as tf.Tensor4D,
    labels: integers("labels", [n], 0, 10) as tf.Tensor1D,
  };
  return workload(model, sgd({ learningRate: 0.01, momentum: 0.9, weightDecay }), batch);
}

/**
 * The networks of the nine tasks: at the sizes of their lab profile, which are the paper's where it has them, or (`small`) the same architectures at sizes for one CPU core. */
export function workloads(small: boolean): Record<string, () => Workload> {
  const pick = <T>(full: T, reduced: T): T => (small ? reduced : full);
  return {
    "modular addition": () => {
      const modulus = pick(113, 31);
      const n = Math.floor(0.3 * modulus ** 2);
      const tokens = tf.concat([integers("pairs", [n, 2], 0, modulus), tf.fill([n, 1], modulus, "int32")], 1);
      const model = modularAddition({ modulus });
      const batch = {
        tokens: tokens as tf.Tensor2D,
        targets: integers("sums", [n], 0, modulus) as tf.Tensor1D,
      };
      return workload(model, adamw({ learningRate: 1e-3, beta1: 0.9, beta2: 0.98, weightDecay: 1 }), batch);
    },
    vgg: () => images(vgg({ width: pick(1, 0.125) }), pick(128, 8), [32, 32, 3], 1e-4),
    "cifar-decay": () => images(vgg({ depth: 11, width: pick(0.5, 0.125) }), pick(128, 8), [32, 32, 3], 5e-3),
    "mlp-labels": () => images(mlp({ inputs: 3072, hidden: pick(256, 32) }), pick(128, 8), [32, 32, 3], 0),
    "mnist-mlp": () => images(mlp({ inputs: 784, hidden: pick(256, 32) }), pick(128, 8), [28, 28, 1], 0),
    resnet: () => {
      const model = resnet({ depth: 18, stem: "cifar", width: pick(1, 0.125), classes: 10 });
      return images(model, pick(128, 8), [32, 32, 3], 1e-4);
    },
    unet: () => {
      const n = pick(128, 4);
      const batch = {
        images: uniform("digits", [n, 28, 28, 1]) as tf.Tensor4D,
        noise: uniform("noise", [n, 28, 28, 1]) as tf.Tensor4D,
        steps: integers("steps", [n], 0, 1000) as tf.Tensor1D,
      };
      const model = small ? unet({ channels: [8, 16, 32, 32], embedding: 32 }) : unet();
      return workload(model, adamw({ learningRate: 3e-4, beta1: 0.9, beta2: 0.999, weightDecay: 0 }), batch);
    },
    lstm: () => {
      const [time, n, letters] = pick([500, 32, 180], [60, 4, 12]);
      const labels = integers("letters", [n * letters], 1, 29).dataSync() as Int32Array;
      const full = (value: number): Int32Array => new Int32Array(n).fill(value);
      const features = uniform("mel", [time, n, 40]) as tf.Tensor3D;
      const batch = { features, labels, labelLengths: full(letters), frames: full(time) };
      const optimiser = adamw({ learningRate: 3e-4, beta1: 0.9, beta2: 0.999, weightDecay: 0.1 });
      return workload(lstm({ hidden: pick(256, 32) }), optimiser, batch);
    },
    transformer: () => {
      const [n, time, vocabulary] = pick([4, 256, 8000], [2, 32, 200]);
      const model = small
        ? transformer({ vocabulary, layers: 3, width: 48, heads: 4, hidden: 48 })
        : transformer({ vocabulary });
      const batch = { tokens: integers("text", [n, time + 1], 0, vocabulary) as tf.Tensor2D };
      return workload(model, adamw({ learningRate: 6e-4, beta1: 0.9, beta2: 0.95, weightDecay: 0.1 }), batch);
    },
  };
}

/**
 * What trains a workload from the initialisation of seed 3.
 * @param recorder records the steps; default none: they are composed
 */
export function stepperFor(
  { model, optimiser }: Workload,
  recorder?: Recorder,
  onFallback = (why: string): void => process.emitWarning(why),
): Stepper<never> {
  const state = stateOf("bench", initialisation(model, 3), optimiser);
  return stepperOf(model, optimiser, state, recorder, onFallback);
}
