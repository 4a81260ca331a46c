import * as tf from "@tensorflow/tfjs";
import {
  convolution,
  convolutionSpecs,
  transposedConvolution,
  transposedConvolutionSpecs,
} from "../nn/convolution.js";
import { initialise, normal, shapesOf, type Spec } from "../nn/initialise.js";
import { linear, linearSpecs } from "../nn/linear.js";
import type { Contact, MatrixView, Model, Parameters, UnitGroup } from "../nn/model.js";
import { groupNorm, normSpecs } from "../nn/normalisation.js";
import { get } from "../nn/parameters.js";
import { swish } from "../nn/swish.js";
import { flattenedViews } from "../nn/views.js";
import { addNoise, type Denoiser } from "./diffusion.js";
import { checkSizes } from "./sizes.js";
import { kernelCentre } from "./vgg.js";

/** One batch of images with the noise that is added to them. */
export interface DiffusionTensors {
  /** float32 [n, 28, 28, 1]. */
  readonly images: tf.Tensor4D;
  /** Standard normal, of the same shape. */
  readonly noise: tf.Tensor4D;
  /** int32 [n]: how many steps of noise, each in [0, 1000). */
  readonly steps: tf.Tensor1D;
}

export interface UnetSizes {
  /** Channels of the four levels; 64, 128, 256, 512 in the paper. The first divisible by 4; all by 32, or at most 32. */
  readonly channels?: readonly [number, number, number, number];
  /** Width of the time embedding; 512 in the paper. Even. */
  readonly embedding?: number;
}

/** The untrained frequencies of the time embedding: a buffer. */
const FREQUENCIES = "time_embed.0.W";

/** One level: a convolution, the dense layer that adds the time to it, and a group normalisation. */
interface Level {
  readonly conv: string;
  readonly dense: string;
  readonly norm: string;
  readonly transposed: boolean;
  readonly inputs: number;
  readonly outputs: number;
  readonly groups: number;
}

/**
 * The residual UNet that predicts noise in 28 x 28 images (PAPER.md section 2): four convolutions down (28, 26, 12, 5, 2
 * pixels), four transposed ones up, skip connections by addition, and the diffusion time added at every level.
 * @throws ConfigError for sizes that do not fit
 */
export function unet(sizes: UnetSizes = {}): Model<DiffusionTensors> & Denoiser {
  const { channels = [64, 128, 256, 512], embedding = 512 } = sizes;
  checkUnet(channels, embedding);
  const [down, up] = levelsOf(channels);
  const specs: Spec[] = [
    ...linearSpecs("time_embed.1", embedding, embedding),
    ...[...down, ...up].flatMap((level) => levelSpecs(level, embedding)),
    ...transposedConvolutionSpecs("tconv1", channels[0], 1, { bias: true }),
  ];
  const bufferSpecs: Spec[] = [{ name: FREQUENCIES, shape: [embedding / 2], fill: normal(30) }];
  const denoise: Denoiser["denoise"] = (parameters, buffers, noised, steps) =>
    forward(down, up, parameters, get(buffers, FREQUENCIES), noised, steps);
  const loss = (parameters: Parameters, buffers: Parameters, batch: DiffusionTensors): tf.Scalar => {
    const { images, noise, steps } = batch;
    const predicted = denoise(parameters, buffers, addNoise(images, noise, steps), steps);
    return tf.mean(tf.square(tf.sub(predicted, noise)));
  };

  return {
    name: "unet",
    shapes: shapesOf(specs),
    init: (seed) => initialise(specs, seed),
    initBuffers: (seed) => initialise(bufferSpecs, seed),
    loss: (parameters, buffers, batch) => ({ loss: loss(parameters, buffers, batch) }),
    evaluate: (parameters, buffers, batch) => [tf.tidy(() => loss(parameters, buffers, batch))],
    metrics([[mean]], { images }) {
      const [count] = images.shape;
      return { loss: { sum: count * mean, count } };
    },
    denoise,
    matrices: viewsOf(specs, new Set([...up.map(({ conv }) => `${conv}.weight`), "tconv1.weight"])),
    contacts: contactsOf(channels),
    outputLayer: ["tconv1.weight"],
    units: unitsOf(down, up, embedding),
  };
}

function checkUnet(channels: readonly number[], embedding: number): void {
  const [c1, c2, c3, c4] = channels;
  const [halves, quarters] = [2, 4];
  checkSizes("unet", { c1, c2, c3, c4, embedding, halves, quarters }, [
    ["c1", "quarters"],
    ["embedding", "halves"],
  ]);
  for (const c of channels)
    checkSizes("unet", { channels: c, groups: Math.min(c, 32) }, [["channels", "groups"]]);
}

/** The levels down, and those up without the last transposed convolution, which has no normalisation. */
function levelsOf([c1, c2, c3, c4]: readonly number[]): [Level[], Level[]] {
  const groupsOf = (outputs: number): number => Math.min(32, outputs);
  const down = (depth: number, inputs: number, outputs: number, groups = groupsOf(outputs)): Level => {
    const names = { conv: `conv${depth}`, dense: `dense${depth}.dense`, norm: `gnorm${depth}` };
    return { ...names, transposed: false, inputs, outputs, groups };
  };
  const up = (depth: number, inputs: number, outputs: number): Level => {
    const names = { conv: `tconv${depth}`, dense: `dense${9 - depth}.dense`, norm: `tgnorm${depth}` };
    return { ...names, transposed: true, inputs, outputs, groups: groupsOf(outputs) };
  };
  return [
    [down(1, 1, c1, 4), down(2, c1, c2), down(3, c2, c3), down(4, c3, c4)],
    [up(4, c4, c3), up(3, c3, c2), up(2, c2, c1)],
  ];
}

function levelSpecs({ conv, dense, norm, transposed, inputs, outputs }: Level, embedding: number): Spec[] {
  const convSpecs = transposed ? transposedConvolutionSpecs : convolutionSpecs;
  return [
    ...convSpecs(conv, inputs, outputs),
    ...linearSpecs(dense, embedding, outputs),
    ...normSpecs(norm, outputs),
  ];
}

/** noised [n, 28, 28, 1], steps [n] -> predicted noise, of the shape of `noised`. */
function forward(
  down: readonly Level[],
  up: readonly Level[],
  parameters: Parameters,
  frequencies: tf.Tensor,
  noised: tf.Tensor4D,
  steps: tf.Tensor1D,
): tf.Tensor4D {
  const time = swish(linear(parameters, "time_embed.1", timeFeatures(steps, frequencies)));
  const finish = ({ dense, norm, groups }: Level, x: tf.Tensor4D): tf.Tensor4D => {
    const shift = linear(parameters, dense, time) as tf.Tensor2D;
    return groupNorm(parameters, norm, x, shift, groups, { swish: true });
  };
  const skips: tf.Tensor4D[] = [];
  let x = noised;
  down.forEach((level, i) => {
    x = finish(level, convolution(parameters, level.conv, x, { stride: i === 0 ? 1 : 2 }));
    skips.push(x);
  });
  skips.pop(); // the deepest level has no skip
  up.forEach((level, i) => {
    const input: tf.Tensor4D = i === 0 ? x : tf.add(x, skips.pop()!);
    x = finish(
      level,
      transposedConvolution(parameters, level.conv, input, { stride: 2, outputPadding: i === 0 ? 0 : 1 }),
    );
  });
  return transposedConvolution(parameters, "tconv1", tf.add(x, skips.pop()!));
}

/**
 * Gaussian Fourier features sin and cos of 2 pi t W (Tancik et al. 2020). t W reaches many thousands, of which only the
 * fraction matters and float32 would keep few digits: W is split into a part that is a multiple of 1/128, whose product
 * with t is exact (for |W| < 128), and a small rest.
 * @param steps int32 [n], in [0, 1000)
 * @param frequencies [width / 2]
 * @returns [n, width]: sines, then cosines
 */
function timeFeatures(steps: tf.Tensor1D, frequencies: tf.Tensor): tf.Tensor2D {
  const t = tf.reshape(tf.cast(steps, "float32"), [-1, 1]);
  const coarse = tf.div(tf.floor(tf.mul(frequencies, 128)), 128);
  const turns = tf.mul(t, coarse);
  const angle = tf.mul(
    tf.add(tf.sub(turns, tf.floor(turns)), tf.mul(t, tf.sub(frequencies, coarse))),
    2 * Math.PI,
  );
  return tf.concat([tf.sin(angle), tf.cos(angle)], 1) as tf.Tensor2D;
}

/** Rows are outputs, for the transposed convolutions too. */
function viewsOf(specs: readonly Spec[], transposed: ReadonlySet<string>): MatrixView[] {
  const shapes = new Map(specs.map(({ name, shape }) => [name, shape]));
  return flattenedViews(specs).map((view) => {
    if (!transposed.has(view.name)) return view;
    const [inputs, outputs, height, width] = shapes.get(view.name)!;
    return { ...view, rows: outputs, columns: inputs * height * width, layout: "transposed-convolution" };
  });
}

/**
 * The frequencies of the time embedding, each of which gives a sine and a cosine; its units, which every level reads; and the
 * channels of each level down, with those of the level up that the skip connection adds to them. Channels of one group of a
 * group normalisation stay together.
 */
function unitsOf(down: readonly Level[], up: readonly Level[], embedding: number): UnitGroup[] {
  const levels = [...down, ...up];
  const channels = down.map((level, i): UnitGroup => {
    const added = [level, ...up.filter((_, j) => j === down.length - 2 - i)];
    const [next, back] = [down[i + 1], up[down.length - 1 - i]];
    const sizes = new Set(added.map(({ outputs, groups }) => outputs / groups));
    return {
      name: level.conv,
      size: level.outputs,
      blocks: [...sizes].filter((size) => size > 1).sort((a, b) => b - a),
      axes: [
        ...added.flatMap(({ conv, dense, norm, transposed }) => [
          { parameter: `${conv}.weight`, axis: transposed ? 1 : 0 },
          ...[`${dense}.weight`, `${dense}.bias`, `${norm}.weight`, `${norm}.bias`].map((parameter) => ({
            parameter,
            axis: 0,
          })),
        ]),
        ...(next ? [{ parameter: `${next.conv}.weight`, axis: 1 }] : []),
        { parameter: `${back?.conv ?? "tconv1"}.weight`, axis: 0 },
      ],
    };
  });
  const waves = [0, embedding / 2].map((start) => ({ parameter: "time_embed.1.weight", axis: 1, start }));
  return [
    { name: "time_embed.0", size: embedding / 2, axes: [{ parameter: FREQUENCIES, axis: 0 }, ...waves] },
    {
      name: "time_embed.1",
      size: embedding,
      axes: [
        { parameter: "time_embed.1.weight", axis: 0 },
        { parameter: "time_embed.1.bias", axis: 0 },
        ...levels.map(({ dense }) => ({ parameter: `${dense}.weight`, axis: 1 })),
      ],
    },
    ...channels,
  ];
}

/**
 * The chain of convolutions; each time dense with the convolution that reads its sum; each skip connection, with what is
 * added to it, and the decoder convolution that reads it.
 */
function contactsOf([c1, c2, c3, c4]: readonly number[]): Contact[] {
  const contact = (label: string, matrix: string, to: string, size: number): Contact => ({
    name: `${label} -> ${to}`,
    from: { matrix: `${matrix}.weight`, space: "output" },
    to: { matrix: `${to}.weight`, space: "input", take: kernelCentre(size) },
  });
  const conv = (from: string, to: string, size: number): Contact => contact(from, from, to, size);
  const dense = (n: number, to: string, size: number): Contact =>
    contact(`dense${n}`, `dense${n}.dense`, to, size);
  const chain = [
    conv("conv1", "conv2", c1),
    conv("conv2", "conv3", c2),
    conv("conv3", "conv4", c3),
    conv("conv4", "tconv4", c4),
    conv("tconv4", "tconv3", c3),
    conv("tconv3", "tconv2", c2),
    conv("tconv2", "tconv1", c1),
  ];
  const times = [
    dense(1, "conv2", c1),
    dense(2, "conv3", c2),
    dense(3, "conv4", c3),
    dense(4, "tconv4", c4),
    dense(5, "tconv3", c3),
    dense(6, "tconv2", c2),
    dense(7, "tconv1", c1),
  ];
  const skips = [
    ...[conv("conv1", "tconv1", c1), dense(1, "tconv1", c1)],
    ...[conv("conv2", "tconv2", c2), dense(2, "tconv2", c2)],
    ...[conv("conv3", "tconv3", c3), dense(3, "tconv3", c3)],
  ];
  return [...chain, ...times, ...skips];
}
