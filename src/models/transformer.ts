import * as tf from "@tensorflow/tfjs";
import { causalAttention } from "../nn/attention.js";
import { crossEntropy, crossEntropySum } from "../nn/cross-entropy.js";
import { embed } from "../nn/embedding.js";
import { constant, initialise, shapesOf, uniform, type Spec } from "../nn/initialise.js";
import { linear } from "../nn/linear.js";
import type { Model, Parameters } from "../nn/model.js";
import { layerNorm } from "../nn/normalisation.js";
import { get } from "../nn/parameters.js";
import { sinusoidalPositions } from "../nn/positions.js";
import { flattenedViews } from "../nn/views.js";
import { checkSizes } from "./sizes.js";
import { blockContacts, blockSpecs, blockUnits, embeddingContact } from "./transformer-block.js";

/** One batch of text. */
export interface TextTensors {
  /** int32 [n, time + 1]: all but the last are inputs, all but the first are targets. */
  readonly tokens: tf.Tensor2D;
}

export interface TransformerSizes {
  readonly vocabulary: number;
  /** Blocks; 12 in the paper. */
  readonly layers?: number;
  /** Width of the residual stream; 768 in the paper. Divisible by `heads`. */
  readonly width?: number;
  /** 12 in the paper. */
  readonly heads?: number;
  /** Hidden units of each MLP; 768 in the paper. */
  readonly hidden?: number;
}

/**
 * The language model (PAPER.md section 2): embedding times sqrt(width) plus sinusoidal positions, pre-layer-norm blocks
 * of causal attention and ReLU MLP, no final norm, untied unembedding. Metrics count tokens.
 * @throws ConfigError if a size is not a positive integer or `width` is not divisible by `heads`
 */
export function transformer(sizes: TransformerSizes): Model<TextTensors> {
  const { vocabulary, layers = 12, width = 768, heads = 12, hidden = 768 } = sizes;
  checkSizes("transformer", { vocabulary, layers, width, heads, hidden }, [["width", "heads"]]);
  const blocks = Array.from({ length: layers }, (_, i) => `transformer_encoder.layers.${i}`);
  const specs: Spec[] = [
    { name: "encoder.weight", shape: [vocabulary, width], fill: uniform(0.1) },
    ...blocks.flatMap((block) => blockSpecs(block, { width, hidden, normalised: true })),
    { name: "decoder.weight", shape: [vocabulary, width], fill: uniform(0.1) },
    { name: "decoder.bias", shape: [vocabulary], fill: constant(0) },
  ];
  const predict = (parameters: Parameters, { tokens }: TextTensors): Prediction => {
    const [n, length] = tokens.shape;
    const inputs = tf.slice(tokens, [0, 0], [n, length - 1]);
    const targets = tf.reshape(tf.slice(tokens, [0, 1], [n, length - 1]), [n * (length - 1)]) as tf.Tensor1D;
    return { logits: logitsOf(parameters, inputs, blocks, heads), targets };
  };

  return {
    name: "transformer",
    shapes: shapesOf(specs),
    init: (seed) => initialise(specs, seed),
    initBuffers: () => new Map(),
    loss(parameters, _buffers, batch) {
      const { logits, targets } = predict(parameters, batch);
      return { loss: crossEntropy(logits, targets) };
    },
    evaluate(parameters, _buffers, batch) {
      const sum = tf.tidy(() => {
        const { logits, targets } = predict(parameters, batch);
        return crossEntropySum(logits, targets);
      });
      return [sum];
    },
    metrics([[loss]], { tokens }) {
      const [n, length] = tokens.shape;
      return { loss: { sum: loss, count: n * (length - 1) } };
    },
    matrices: flattenedViews(specs),
    contacts: [
      embeddingContact("encoder.weight", blocks[0]),
      ...blocks.flatMap((block, i) => {
        const next = blocks[i + 1];
        const reader = next
          ? { matrix: `${next}.self_attn.in_proj_weight`, as: `layer ${i + 1} in_proj` }
          : { matrix: "decoder.weight", as: "decoder" };
        return blockContacts(block, reader, { width, heads }, `layer ${i} `);
      }),
    ],
    outputLayer: ["decoder.weight"],
    units: blocks.flatMap((block) => blockUnits(block, { width, heads, hidden })),
    embedding: ["encoder.weight"],
  };
}

interface Prediction {
  /** [n * time, vocabulary]. */
  readonly logits: tf.Tensor2D;
  /** int32 [n * time]. */
  readonly targets: tf.Tensor1D;
}

/** tokens [n, time] -> logits [n * time, vocabulary]. */
function logitsOf(
  parameters: Parameters,
  tokens: tf.Tensor2D,
  blocks: readonly string[],
  heads: number,
): tf.Tensor2D {
  const table = get<tf.Tensor2D>(parameters, "encoder.weight");
  const [time, width] = [tokens.shape[1], table.shape[1]];
  const positions = tf.tensor(sinusoidalPositions(time, width), [time, width]);
  let x: tf.Tensor = tf.add(tf.mul(embed(table, tokens), Math.sqrt(width)), positions);
  for (const block of blocks) {
    const normed = layerNorm(parameters, `${block}.norm1`, x) as tf.Tensor3D;
    x = causalAttention(parameters, `${block}.self_attn`, normed, heads, { residual: x });
    const again = layerNorm(parameters, `${block}.norm2`, x);
    const inner = linear(parameters, `${block}.linear1`, again, { relu: true });
    x = linear(parameters, `${block}.linear2`, inner, { residual: x });
  }
  return linear(parameters, "decoder", tf.reshape(x, [-1, width])) as tf.Tensor2D;
}
