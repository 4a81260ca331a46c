import * as tf from "@tensorflow/tfjs";
import { ConfigError } from "../core/errors.js";
import { convolution, convolutionSpecs } from "../nn/convolution.js";
import { normal, type Spec } from "../nn/initialise.js";
import { linear, linearSpecs } from "../nn/linear.js";
import type { Contact, Model, Parameters, UnitGroup } from "../nn/model.js";
import { normSpecs, runningSpecs } from "../nn/normalisation.js";
import { flattenedViews } from "../nn/views.js";
import { batchNormClassifier, type Normalise } from "./batch-norm-classifier.js";
import type { ImageTensors } from "./classification.js";
import { checkSizes } from "./sizes.js";
import { kernelCentre } from "./vgg.js";

/** Blocks of the four stages, by depth (He et al. 2016, table 1). */
const STAGES = {
  18: [2, 2, 2, 2],
  34: [3, 4, 6, 3],
  50: [3, 4, 6, 3],
  101: [3, 4, 23, 3],
  152: [3, 8, 36, 3],
} as const;

export type ResnetDepth = keyof typeof STAGES;

/** From this depth on blocks are bottlenecks, whose output has so many times the channels of their inner convolutions. */
const BOTTLENECK_DEPTH = 50;
const EXPANSION = 4;

/** "imagenet": 7 x 7 with stride 2 and a 3 x 3 maximum pooling with stride 2; "cifar": 3 x 3, for images of 32 x 32. */
export type ResnetStem = "imagenet" | "cifar";

export interface ResnetSizes {
  readonly depth?: ResnetDepth;
  readonly stem?: ResnetStem;
  /** Factor on all channel counts. */
  readonly width?: number;
  /** Channels of the images. */
  readonly channels?: number;
  readonly classes?: number;
}

/**
 * A residual network (He et al. 2016) as torchvision builds it: under its parameter names and with its initialisation, and
 * with the stride of a bottleneck at its 3 x 3 convolution. Without options the names and shapes are those of
 * torchvision's weights for ImageNet.
 *
 * Contacts: what a block adds to the residual stream meets what the next block reads of it, its first convolution and the
 * 1 x 1 convolution of its shortcut; such a shortcut is itself added to the stream and meets the block after. What was
 * added earlier arrives through identities, and those residual paths are ignored, as in the Transformer (PAPER.md
 * section 1).
 * @throws ConfigError for an unknown depth or stem, or sizes that leave no channel
 * @example resnet({ depth: 18, stem: "cifar", classes: 10 })
 */
export function resnet(sizes: ResnetSizes = {}): Model<ImageTensors> {
  const { depth = 18, stem = "imagenet", width = 1, channels = 3, classes = 1000 } = sizes;
  if (!Object.hasOwn(STAGES, depth))
    throw new ConfigError(`resnet: depth must be one of ${Object.keys(STAGES).join(", ")}, found ${depth}`);
  if (stem !== "imagenet" && stem !== "cifar")
    throw new ConfigError(`resnet: stem must be "imagenet" or "cifar", found ${JSON.stringify(stem)}`);
  const smallestWidth = Math.round(64 * width);
  checkSizes("resnet", { channels, classes, smallestWidth });
  const network = networkOf(depth, stem, channels, smallestWidth);
  const layers = [network.stem, ...network.blocks.flatMap(layersOf)];
  const specs: Spec[] = [...layers.flatMap(layerSpecs), ...linearSpecs("fc", network.features, classes)];
  const bufferSpecs = layers.flatMap(({ norm, outputs }) => runningSpecs(norm, outputs));

  return {
    name: "resnet",
    ...batchNormClassifier(specs, bufferSpecs, (parameters, images, normalise) =>
      forward(network, parameters, images, normalise),
    ),
    matrices: flattenedViews(specs),
    contacts: contactsOf(network),
    outputLayer: ["fc.weight"],
    units: unitsOf(network),
  };
}

/** A convolution without bias and the batch normalisation after it. */
interface Layer {
  readonly conv: string;
  readonly norm: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
}

/** Layers in a chain, and what their input goes through before it is added to what they give; nothing if absent. */
interface Block {
  readonly chain: readonly Layer[];
  readonly shortcut?: Layer;
}

interface Network {
  readonly stem: Layer;
  /** Whether a maximum pooling follows the stem. */
  readonly pooled: boolean;
  readonly blocks: readonly Block[];
  /** Channels that the last linear layer reads. */
  readonly features: number;
}

function networkOf(depth: ResnetDepth, stem: ResnetStem, channels: number, width: number): Network {
  const imagenet = stem === "imagenet";
  const blocks: Block[] = [];
  let inputs = width;
  STAGES[depth].forEach((count, stage) => {
    for (let i = 0; i < count; i++) {
      const stride = stage > 0 && i === 0 ? 2 : 1;
      const block = blockOf(`layer${stage + 1}.${i}`, depth, inputs, width * 2 ** stage, stride);
      blocks.push(block);
      inputs = block.chain.at(-1)!.outputs;
    }
  });
  return {
    stem: {
      conv: "conv1",
      norm: "bn1",
      inputs: channels,
      outputs: width,
      kernel: imagenet ? 7 : 3,
      stride: imagenet ? 2 : 1,
    },
    pooled: imagenet,
    blocks,
    features: inputs,
  };
}

/** @param width channels of the inner convolutions */
function blockOf(name: string, depth: ResnetDepth, inputs: number, width: number, stride: number): Block {
  const bottleneck = depth >= BOTTLENECK_DEPTH;
  const outputs = bottleneck ? EXPANSION * width : width;
  const kernels = bottleneck ? [1, 3, 1] : [3, 3];
  const strided = bottleneck ? 1 : 0;
  const chain = kernels.map((kernel, i): Layer => ({
    conv: `${name}.conv${i + 1}`,
    norm: `${name}.bn${i + 1}`,
    inputs: i === 0 ? inputs : width,
    outputs: i === kernels.length - 1 ? outputs : width,
    kernel,
    stride: i === strided ? stride : 1,
  }));
  if (stride === 1 && inputs === outputs) return { chain };
  const [conv, norm] = [`${name}.downsample.0`, `${name}.downsample.1`];
  return { chain, shortcut: { conv, norm, inputs, outputs, kernel: 1, stride } };
}

/** In the order in which they are computed, and in which PyTorch lists them. */
function layersOf({ chain, shortcut }: Block): Layer[] {
  return shortcut ? [...chain, shortcut] : [...chain];
}

/** Weights are drawn as torchvision draws them: He et al.'s normal distribution by the fan-out, gain sqrt(2). */
function layerSpecs({ conv, norm, inputs, outputs, kernel }: Layer): Spec[] {
  const fill = normal(Math.sqrt(2 / (outputs * kernel * kernel)));
  return [...convolutionSpecs(conv, inputs, outputs, { kernel, fill }), ...normSpecs(norm, outputs)];
}

/** images [n, height, width, channels] -> logits [n, classes]. */
function forward(
  { stem, pooled, blocks }: Network,
  parameters: Parameters,
  images: tf.Tensor4D,
  normalise: Normalise,
): tf.Tensor2D {
  const apply = ({ conv, norm, kernel, stride }: Layer, x: tf.Tensor4D, relu: boolean): tf.Tensor4D =>
    normalise(norm, convolution(parameters, conv, x, { stride, padding: (kernel - 1) / 2 }), { relu });
  let x = apply(stem, images, true);
  if (pooled) x = tf.maxPool(x, 3, 2, 1);
  for (const { chain, shortcut } of blocks) {
    let y = x;
    chain.forEach((layer, i) => {
      y = apply(layer, y, i < chain.length - 1);
    });
    x = tf.relu(tf.add<tf.Tensor4D>(y, shortcut ? apply(shortcut, x, false) : x));
  }
  return linear(parameters, "fc", tf.mean(x, [1, 2])) as tf.Tensor2D;
}

/** In the order in which the network computes. */
function contactsOf({ stem, blocks, features }: Network): Contact[] {
  type Reader = Pick<Layer, "conv" | "inputs" | "kernel">;
  const contact = (from: Layer, to: Reader): Contact => ({
    name: `${from.conv} -> ${to.conv}`,
    from: { matrix: `${from.conv}.weight`, space: "output" },
    to: { matrix: `${to.conv}.weight`, space: "input", take: kernelCentre(to.inputs, to.kernel) },
  });
  const contacts: Contact[] = [];
  let writers: readonly Layer[] = [stem];
  const readBy = (...readers: readonly Reader[]): void => {
    for (const to of readers) contacts.push(...writers.map((from) => contact(from, to)));
  };
  for (const { chain, shortcut } of blocks) {
    const end = shortcut ? [shortcut] : [];
    readBy(chain[0], ...end);
    chain.slice(1).forEach((layer, i) => contacts.push(contact(chain[i], layer)));
    writers = [chain.at(-1)!, ...end];
  }
  readBy({ conv: "fc", inputs: features, kernel: 1 });
  return contacts;
}

/**
 * The channels inside each block, and those of the residual stream: one group for all that write to it or read from it,
 * from one shortcut with weights to the next. A group is called after the convolution that writes it first.
 */
function unitsOf({ stem, blocks }: Network): UnitGroup[] {
  type Axis = UnitGroup["axes"][number];
  const written = ({ conv, norm }: Layer): Axis[] => {
    const entries = ["weight", "bias", "running_mean", "running_var"].map((entry) => `${norm}.${entry}`);
    return [`${conv}.weight`, ...entries].map((parameter) => ({ parameter, axis: 0 }));
  };
  const read = ({ conv }: Pick<Layer, "conv">): Axis => ({ parameter: `${conv}.weight`, axis: 1 });
  const groups: { name: string; size: number; axes: Axis[] }[] = [];
  const begin = (layer: Layer): Axis[] => {
    const axes = written(layer);
    groups.push({ name: layer.conv, size: layer.outputs, axes });
    return axes;
  };
  let stream = begin(stem);
  for (const { chain, shortcut } of blocks) {
    let inputs = stream;
    chain.forEach((layer, i) => {
      inputs.push(read(layer));
      if (i < chain.length - 1) inputs = begin(layer);
    });
    if (shortcut) {
      stream.push(read(shortcut));
      stream = begin(shortcut);
    }
    stream.push(...written(chain.at(-1)!));
  }
  stream.push(read({ conv: "fc" }));
  return groups;
}
