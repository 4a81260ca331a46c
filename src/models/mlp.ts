import * as tf from "@tensorflow/tfjs";
import { crossEntropy } from "../nn/cross-entropy.js";
import { initialise, shapesOf } from "../nn/initialise.js";
import { linear, linearSpecs } from "../nn/linear.js";
import type { Contact, Model, Parameters } from "../nn/model.js";
import { flattenedViews } from "../nn/views.js";
import { classificationMetrics, classificationSums, type ImageTensors } from "./classification.js";
import { checkSizes } from "./sizes.js";

export interface MlpSizes {
  /** Numbers per image: height * width * channels; 3072 for CIFAR-10. */
  readonly inputs: number;
  /** Width of the hidden layers; 256 in the paper. */
  readonly hidden?: number;
  /** Linear layers, the last included; 4 in the paper. */
  readonly layers?: number;
  readonly classes?: number;
}

/**
 * The multi-layer perceptron of figure 8 (PAPER.md section 2): linear layers with ReLU between them. Images are
 * flattened as PyTorch does, channels outermost.
 * @throws ConfigError if a size is not a positive integer
 */
export function mlp({ inputs, hidden = 256, layers = 4, classes = 10 }: MlpSizes): Model<ImageTensors> {
  checkSizes("mlp", { inputs, hidden, layers, classes });
  const names = Array.from({ length: layers }, (_, i) => `layers.${i}`);
  const widths = [inputs, ...Array.from({ length: layers - 1 }, () => hidden), classes];
  const specs = names.flatMap((name, i) => linearSpecs(name, widths[i], widths[i + 1]));
  const logits = (parameters: Parameters, images: tf.Tensor4D): tf.Tensor2D =>
    names.reduce(
      (x, name, i) => linear(parameters, name, x, { relu: i < layers - 1 }),
      tf.reshape(tf.transpose(images, [0, 3, 1, 2]), [images.shape[0], inputs]) as tf.Tensor,
    ) as tf.Tensor2D;
  return {
    name: "mlp",
    shapes: shapesOf(specs),
    init: (seed) => initialise(specs, seed),
    initBuffers: () => new Map(),
    loss: (parameters, _buffers, { images, labels }) => ({
      loss: crossEntropy(logits(parameters, images), labels),
    }),
    evaluate: (parameters, _buffers, { images, labels }) =>
      classificationSums(() => logits(parameters, images), labels),
    metrics: (content, { labels }) => classificationMetrics(content, labels.size),
    matrices: flattenedViews(specs),
    contacts: names.slice(1).map((to, i): Contact => ({
      name: `${names[i]} -> ${to}`,
      from: { matrix: `${names[i]}.weight`, space: "output" },
      to: { matrix: `${to}.weight`, space: "input" },
    })),
    outputLayer: [`${names[layers - 1]}.weight`],
    units: names.slice(1).map((next, i) => ({
      name: names[i],
      size: hidden,
      axes: [
        { parameter: `${names[i]}.weight`, axis: 0 },
        { parameter: `${names[i]}.bias`, axis: 0 },
        { parameter: `${next}.weight`, axis: 1 },
      ],
    })),
  };
}
