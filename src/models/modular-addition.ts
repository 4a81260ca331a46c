import * as tf from "@tensorflow/tfjs";
import { lastAttention } from "../nn/attention.js";
import { crossEntropy } from "../nn/cross-entropy.js";
import { classificationMetrics, classificationSums } from "./classification.js";
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

/** One batch of sums. */
export interface AdditionTensors {
  /** int32 [n, 3]: a, b and the token "=", which is the modulus. */
  readonly tokens: tf.Tensor2D;
  /** int32 [n]: (a + b) mod modulus. */
  readonly targets: tf.Tensor1D;
}

export interface ModularAdditionSizes {
  readonly modulus: number;
  /** Width of the residual stream; 128 in the paper. Divisible by `heads`. */
  readonly width?: number;
  /** Attention heads; 4 in the paper. */
  readonly heads?: number;
  /** Hidden units of the MLP; 512 in the paper. */
  readonly hidden?: number;
  /** Pre-layer-normalisation, as in the slingshot setting. */
  readonly layerNorm?: boolean;
}

const SEQUENCE = 3;

/**
 * The one-layer Transformer that learns a + b mod p (PAPER.md section 2): embedding times sqrt(width) plus sinusoidal
 * positions, one causal block, unembedding to p + 1 classes.
 *
 * The loss reads the last position only, and the block is the only one, so queries, output projection and MLP are
 * computed there alone; and since keys and values depend on token and position only, they are computed once per
 * vocabulary entry and position and then looked up. Both are exact.
 * @throws ConfigError if a size is not a positive integer or `width` is not divisible by `heads`
 */
export function modularAddition(sizes: ModularAdditionSizes): Model<AdditionTensors> {
  const { modulus, width = 128, heads = 4, hidden = 512, layerNorm: normalised = false } = sizes;
  checkSizes("modularAddition", { modulus, width, heads, hidden }, [["width", "heads"]]);
  const vocabulary = modulus + 1;
  const specs: Spec[] = [
    { name: "encoder.weight", shape: [vocabulary, width], fill: uniform(0.1) },
    ...blockSpecs(BLOCK, { width, hidden, normalised }),
    { name: "decoder.weight", shape: [vocabulary, width], fill: uniform(0.1) },
    { name: "decoder.bias", shape: [vocabulary], fill: constant(0) },
  ];
  const positions = sinusoidalPositions(SEQUENCE, width);
  const logits = (parameters: Parameters, tokens: tf.Tensor2D): tf.Tensor2D =>
    lastPositionLogits(parameters, tokens, { vocabulary, width, heads, normalised, positions });

  return {
    name: "modularAddition",
    shapes: shapesOf(specs),
    init: (seed) => initialise(specs, seed),
    initBuffers: () => new Map(),
    loss: (parameters, _buffers, { tokens, targets }) => ({
      loss: crossEntropy(logits(parameters, tokens), targets),
    }),
    evaluate: (parameters, _buffers, { tokens, targets }) =>
      classificationSums(() => logits(parameters, tokens), targets),
    metrics: (content, { targets }) => classificationMetrics(content, targets.size),
    matrices: flattenedViews(specs),
    contacts: [
      embeddingContact("encoder.weight", BLOCK),
      ...blockContacts(BLOCK, { matrix: "decoder.weight", as: "decoder" }, { width, heads }),
    ],
    outputLayer: ["decoder.weight"],
    units: blockUnits(BLOCK, { width, heads, hidden }),
    embedding: ["encoder.weight"],
  };
}

const BLOCK = "transformer_encoder.layers.0";

interface Sizes {
  readonly vocabulary: number;
  readonly width: number;
  readonly heads: number;
  readonly normalised: boolean;
  readonly positions: Float32Array;
}

/** tokens [n, 3] -> logits at the last position, [n, vocabulary]. */
function lastPositionLogits(parameters: Parameters, tokens: tf.Tensor2D, sizes: Sizes): tf.Tensor2D {
  const { vocabulary, width, heads, normalised, positions } = sizes;
  const norm = (name: string, x: tf.Tensor): tf.Tensor =>
    normalised ? layerNorm(parameters, `${BLOCK}.${name}`, x) : x;
  const count = tokens.shape[0];

  // One row per position and token: [3 vocabulary, width].
  const scaled = tf.mul(get(parameters, "encoder.weight"), Math.sqrt(width));
  const stream = tf.reshape(
    tf.add(tf.reshape(scaled, [1, vocabulary, width]), tf.tensor(positions, [SEQUENCE, 1, width])),
    [SEQUENCE * vocabulary, width],
  ) as tf.Tensor2D;
  const read = norm("norm1", stream) as tf.Tensor2D;
  const attended = lastAttention(parameters, `${BLOCK}.self_attn`, read, tokens, heads);
  const last = tf.add(
    tf.slice(tokens, [0, SEQUENCE - 1], [count, 1]),
    tf.scalar((SEQUENCE - 1) * vocabulary, "int32"),
  );
  const residual = tf.reshape(embed(stream, last), [count, width]);
  const x = linear(parameters, `${BLOCK}.self_attn.out_proj`, attended, { residual });
  const inner = linear(parameters, `${BLOCK}.linear1`, norm("norm2", x), { relu: true });
  const y = linear(parameters, `${BLOCK}.linear2`, inner, { residual: x });
  return linear(parameters, "decoder", y) as tf.Tensor2D;
}
