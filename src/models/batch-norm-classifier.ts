import * as tf from "@tensorflow/tfjs";
import { crossEntropy } from "../nn/cross-entropy.js";
import { initialise, shapesOf, type Spec } from "../nn/initialise.js";
import type { Model, Parameters } from "../nn/model.js";
import { type AroundBatchNorm, batchNorm, batchNormEval } from "../nn/normalisation.js";
import { classificationMetrics, classificationSums, type ImageTensors } from "./classification.js";

/** Batch normalisation by the layer called `name`, in the mode of the pass, with what is around it. x [n, height, width, channels] -> same shape. */
export type Normalise = (name: string, x: tf.Tensor4D, around?: AroundBatchNorm) => tf.Tensor4D;

/**
 * images [n, height, width, channels] -> logits [n, classes]. It calls `normalise` for every normalisation once, in the
 * order of the buffers.
 */
export type ImageForward = (parameters: Parameters, images: tf.Tensor4D, normalise: Normalise) => tf.Tensor2D;

/** What image classifiers with batch normalisation have in common, whatever their layers are. */
export function batchNormClassifier(
  specs: readonly Spec[],
  bufferSpecs: readonly Spec[],
  forward: ImageForward,
): Required<
  Pick<
    Model<ImageTensors>,
    "shapes" | "init" | "initBuffers" | "loss" | "evaluate" | "metrics" | "statistics"
  >
> {
  /** Puts the next running statistics into `running`. */
  const trainLogits = (
    parameters: Parameters,
    buffers: Parameters,
    images: tf.Tensor4D,
    running: Map<string, tf.Tensor>,
    momentum?: number,
  ): tf.Tensor2D =>
    forward(parameters, images, (name, x, around) => {
      const normalised = batchNorm(parameters, buffers, name, x, { ...around, momentum });
      normalised.running.forEach((tensor, buffer) => running.set(buffer, tensor));
      return normalised.y;
    });

  return {
    shapes: shapesOf(specs),
    init: (seed) => initialise(specs, seed),
    initBuffers: (seed) => initialise(bufferSpecs, seed),
    loss(parameters, buffers, { images, labels }) {
      const running = new Map<string, tf.Tensor>();
      const logits = trainLogits(parameters, buffers, images, running);
      return { loss: crossEntropy(logits, labels), buffers: running };
    },
    evaluate(parameters, buffers, { images, labels }) {
      const normalise: Normalise = (name, x, around) => batchNormEval(parameters, buffers, name, x, around);
      return classificationSums(() => forward(parameters, images, normalise), labels);
    },
    metrics: (content, { labels }) => classificationMetrics(content, labels.size),
    statistics(parameters, buffers, { images }) {
      const running = new Map<string, tf.Tensor>();
      tf.tidy(() => {
        trainLogits(parameters, buffers, images, running, 1);
        running.forEach((tensor) => tf.keep(tensor));
      });
      return running;
    },
  };
}
