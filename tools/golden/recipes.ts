import * as tf from "@tensorflow/tfjs";
import { lstm } from "spectral-lab/models/lstm";
import { mlp } from "spectral-lab/models/mlp";
import { modularAddition } from "spectral-lab/models/modular-addition";
import { resnet, type ResnetDepth } from "spectral-lab/models/resnet";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import type { Model } from "spectral-lab/nn/model";
import { adamw } from "spectral-lab/optim/adamw";
import { clipByGlobalNorm } from "spectral-lab/optim/clip";
import type { Optimiser } from "spectral-lab/optim/optimiser";
import { sgd } from "spectral-lab/optim/sgd";
import type { Draws } from "./draws.js";
import type { GoldenModel } from "./file.js";

/** How a model of a reference file is rebuilt. Sizes are read off the file; what it does not hold stands here. */
export interface Recipe {
  /** Added to the file's seed: the base of the model's draws. */
  readonly base: number;
  readonly model: Model<unknown>;
  readonly optimiser: Optimiser;
  /** Draws the batch, after the parameters were drawn. */
  batch(draws: Draws): unknown;
}

/** The recipe of a model by its name in the file; undefined for one that we lack. */
export function recipeOf(golden: GoldenModel): Recipe | undefined {
  const makers: Readonly<Record<string, (golden: GoldenModel) => Recipe>> = {
    modularAddition: (model) => additionRecipe(model, 0, false),
    modularAdditionSlingshot: (model) => additionRecipe(model, 10, true),
    vgg: vggRecipe,
    mlp: mlpRecipe,
    unet: unetRecipe,
    lstm: lstmRecipe,
    transformer: transformerRecipe,
    resnet18: (model) => resnetRecipe(model, { base: 70, depth: 18, size: 32 }),
    resnet50: (model) => resnetRecipe(model, { base: 80, depth: 50, size: 45 }),
  };
  return makers[golden.name]?.(golden);
}

function recipe<Batch>(parts: {
  base: number;
  model: Model<Batch>;
  optimiser: Optimiser;
  batch(draws: Draws): Batch;
}): Recipe {
  return parts as Recipe; // the batch goes back into the model that it was made for
}

/** The shape of a parameter in the file. */
function shapeOf(golden: GoldenModel, name: string): readonly number[] {
  return golden.parameters.find((parameter) => parameter.name === name)?.shape ?? [];
}

function additionRecipe(golden: GoldenModel, base: number, layerNorm: boolean): Recipe {
  const [tokens, width] = shapeOf(golden, "encoder.weight");
  const [hidden] = shapeOf(golden, "transformer_encoder.layers.0.linear1.weight");
  const modulus = tokens - 1;
  return recipe({
    base,
    model: modularAddition({ modulus, width, hidden, heads: 4, layerNorm }),
    optimiser: adamw({ learningRate: 1e-3, weightDecay: 1, beta2: 0.98 }),
    batch(draws) {
      const [a, b] = [draws.integers(64, modulus), draws.integers(64, modulus)];
      return {
        tokens: tf.tensor2d(
          Array.from(a, (x, i) => [x, b[i], modulus]),
          [64, 3],
          "int32",
        ),
        targets: tf.tensor1d(
          a.map((x, i) => (x + b[i]) % modulus),
          "int32",
        ),
      };
    },
  });
}

function vggRecipe(golden: GoldenModel): Recipe {
  const [outputs] = shapeOf(golden, "layers.0.conv.weight");
  return recipe({
    base: 20,
    model: vgg({ depth: 16, width: outputs / 64 }),
    optimiser: sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 }),
    batch: (draws) => ({
      images: channelsLast(draws.uniform(8 * 3072, 2), [8, 3, 32, 32]),
      labels: tf.tensor1d(draws.integers(8, 10), "int32"),
    }),
  });
}

/** @param of what the file does not hold; `size` is the height and width of the images */
function resnetRecipe(golden: GoldenModel, of: { base: number; depth: ResnetDepth; size: number }): Recipe {
  const { base, depth, size } = of;
  const [width, , kernel] = shapeOf(golden, "conv1.weight");
  const [classes] = shapeOf(golden, "fc.weight");
  const stem = kernel === 7 ? "imagenet" : "cifar";
  return recipe({
    base,
    model: resnet({ depth, stem, width: width / 64, classes }),
    optimiser: sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 }),
    batch: (draws) => ({
      images: channelsLast(draws.uniform(8 * 3 * size * size, 2), [8, 3, size, size]),
      labels: tf.tensor1d(draws.integers(8, classes), "int32"),
    }),
  });
}

function mlpRecipe(golden: GoldenModel): Recipe {
  const [hidden, inputs] = shapeOf(golden, "layers.0.weight");
  return recipe({
    base: 30,
    model: mlp({ inputs, hidden }),
    optimiser: sgd({ learningRate: 0.01, momentum: 0.9 }),
    batch: (draws) => ({
      images: channelsLast(draws.uniform(16 * inputs, 2), [16, 3, 32, 32]),
      labels: tf.tensor1d(draws.integers(16, 10), "int32"),
    }),
  });
}

function unetRecipe(golden: GoldenModel): Recipe {
  const [c1, c2, c3, c4] = [1, 2, 3, 4].map((level) => shapeOf(golden, `conv${level}.weight`)[0]);
  const [embedding] = shapeOf(golden, "time_embed.1.weight");
  return recipe({
    base: 40,
    model: unet({ channels: [c1, c2, c3, c4], embedding }),
    optimiser: adamw({ learningRate: 3e-4, weightDecay: 0.1 }),
    batch: (draws) => ({
      images: tf.tensor4d(draws.uniform(4 * 784, 1), [4, 28, 28, 1]),
      noise: tf.tensor4d(draws.uniform(4 * 784, 1), [4, 28, 28, 1]),
      steps: tf.tensor1d(draws.integers(4, 1000), "int32"),
    }),
  });
}

function lstmRecipe(golden: GoldenModel): Recipe {
  const [, hidden] = shapeOf(golden, "lstm.weight_hh_l0");
  const [symbols] = shapeOf(golden, "linear.weight");
  const layers = golden.parameters.filter(({ name }) => /weight_ih_l\d+$/.test(name)).length;
  return recipe({
    base: 50,
    model: lstm({ hidden, layers, symbols }),
    optimiser: adamw({ learningRate: 3e-4, weightDecay: 0.1 }),
    batch(draws) {
      const features = tf.tensor3d(draws.uniform(3 * 37 * 40, 1.5), [3, 37, 40]);
      return {
        features: tf.transpose(features, [1, 0, 2]),
        labels: Int32Array.from(golden.labels!.flat()),
        labelLengths: Int32Array.from(golden.labelLengths!),
        frames: Int32Array.from(golden.frameLengths!),
      };
    },
  });
}

function transformerRecipe(golden: GoldenModel): Recipe {
  const [vocabulary, width] = shapeOf(golden, "encoder.weight");
  const [hidden] = shapeOf(golden, "transformer_encoder.layers.0.linear1.weight");
  const layers = golden.parameters.filter(({ name }) => name.endsWith("in_proj_weight")).length;
  return recipe({
    base: 60,
    model: transformer({ vocabulary, width, hidden, layers, heads: 4 }),
    optimiser: clipByGlobalNorm(1, adamw({ learningRate: 6e-4, weightDecay: 0.1, beta2: 0.95 })),
    batch: (draws) => ({ tokens: tf.tensor2d(draws.integers(2 * 34, vocabulary), [2, 34], "int32") }),
  });
}

/** PyTorch's [n, channels, height, width] as [n, height, width, channels]. */
export function channelsLast(data: Float32Array, shape: [number, number, number, number]): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(tf.tensor4d(data, shape), [0, 2, 3, 1]));
}
