import * as tf from "@tensorflow/tfjs";
import { ConfigError } from "../core/errors.js";
import { convolution, convolutionSpecs } from "../nn/convolution.js";
import type { Spec } from "../nn/initialise.js";
import { linear, linearSpecs } from "../nn/linear.js";
import type { Contact, Model, Parameters, UnitGroup } from "../nn/model.js";
import { normSpecs, runningSpecs } from "../nn/normalisation.js";
import { get } from "../nn/parameters.js";
import { flattenedViews } from "../nn/views.js";
import { batchNormClassifier, type Normalise } from "./batch-norm-classifier.js";
import type { ImageTensors } from "./classification.js";
import { checkSizes } from "./sizes.js";

/** Channels of the convolutions; "M" is a 2 x 2 maximum pooling. */
const PLANS = {
  11: [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512],
  13: [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512],
  16: [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512],
  19: [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512],
} as const;

export interface VggSizes {
  readonly depth?: keyof typeof PLANS;
  /** Factor on all channel counts; 1 in the paper. */
  readonly width?: number;
  /** Channels of the images. */
  readonly channels?: number;
  readonly classes?: number;
}

/**
 * VGG for 32 x 32 images (PAPER.md section 2; after open_lth): 3 x 3 convolutions with bias, batch normalisation and
 * ReLU, four maximum poolings, an average pooling and one linear layer.
 * @throws ConfigError for an unknown depth, or sizes that leave no channel
 */
export function vgg({
  depth = 16,
  width = 1,
  channels = 3,
  classes = 10,
}: VggSizes = {}): Model<ImageTensors> {
  const plan = PLANS[depth];
  if (!plan)
    throw new ConfigError(`vgg: depth must be one of ${Object.keys(PLANS).join(", ")}, found ${depth}`);
  const layers = layersOf(plan, channels, width);
  const last = layers[layers.length - 1];
  checkSizes("vgg", { channels, classes, smallestWidth: layers[0].outputs });
  const specs: Spec[] = [
    ...layers.flatMap(({ name, inputs, outputs }) => [
      ...convolutionSpecs(`${name}.conv`, inputs, outputs, { bias: true }),
      ...normSpecs(`${name}.bn`, outputs),
    ]),
    ...linearSpecs("fc", last.outputs, classes),
  ];
  const bufferSpecs = layers.flatMap(({ name, outputs }) => runningSpecs(`${name}.bn`, outputs));
  const classifier = batchNormClassifier(specs, bufferSpecs, (parameters, images, normalise) =>
    forward(layers, parameters, images, normalise),
  );

  return {
    name: "vgg",
    ...classifier,
    matrices: flattenedViews(specs),
    contacts: contactsOf(layers),
    outputLayer: ["fc.weight"],
    units: unitsOf(layers),
  };
}

interface ConvolutionLayer {
  /** "layers.7": the index counts poolings too. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Whether a maximum pooling follows. */
  readonly pooled: boolean;
}

function layersOf(plan: readonly (number | "M")[], channels: number, width: number): ConvolutionLayer[] {
  const layers: ConvolutionLayer[] = [];
  let inputs = channels;
  plan.forEach((entry, index) => {
    if (entry === "M") return;
    const outputs = Math.round(entry * width);
    layers.push({ name: `layers.${index}`, inputs, outputs, pooled: plan[index + 1] === "M" });
    inputs = outputs;
  });
  return layers;
}

/** images [n, 32, 32, channels] -> logits [n, classes]. */
function forward(
  layers: readonly ConvolutionLayer[],
  parameters: Parameters,
  images: tf.Tensor4D,
  normalise: Normalise,
): tf.Tensor2D {
  let x = images;
  for (const { name, pooled } of layers) {
    const y = convolution(parameters, `${name}.conv`, x, { padding: "same", bias: false });
    x = normalise(`${name}.bn`, y, { shift: get(parameters, `${name}.conv.bias`), relu: true });
    if (pooled) x = tf.maxPool(x, 2, 2, "valid");
  }
  return linear(parameters, "fc", tf.mean(x, [1, 2])) as tf.Tensor2D; // 2 x 2 positions are left
}

/** Convolutions in a chain, the last one read by the linear layer. Convolutions are numbered from 0. */
function contactsOf(layers: readonly ConvolutionLayer[]): Contact[] {
  return layers.map(({ name, outputs }, i): Contact => {
    const next = layers[i + 1];
    return {
      name: `conv ${i} -> ${next ? `conv ${i + 1}` : "fc"}`,
      from: { matrix: `${name}.conv.weight`, space: "output" },
      to: next
        ? { matrix: `${next.name}.conv.weight`, space: "input", take: kernelCentre(outputs) }
        : { matrix: "fc.weight", space: "input" },
    };
  });
}

/** The channels of each convolution: normalised one by one, and read by the next convolution or the linear layer. */
function unitsOf(layers: readonly ConvolutionLayer[]): UnitGroup[] {
  return layers.map(({ name, outputs }, i) => {
    const next = layers[i + 1];
    const own = ["conv.weight", "conv.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"];
    return {
      name,
      size: outputs,
      axes: [
        ...own.map((parameter) => ({ parameter: `${name}.${parameter}`, axis: 0 })),
        { parameter: next ? `${next.name}.conv.weight` : "fc.weight", axis: 1 },
      ],
    };
  });
}

/** The centre position of kernels (of odd width) with `inputs` input channels, in a row of the flattened matrix. */
export function kernelCentre(inputs: number, kernel = 3): { start: number; stride: number; count: number } {
  const positions = kernel * kernel;
  return { start: (positions - 1) / 2, stride: positions, count: inputs };
}
