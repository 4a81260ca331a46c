import * as tf from "@tensorflow/tfjs";
import { Scalars } from "spectral-lab/optim/scalars";
import { fused } from "spectral-lab/backend/chosen";
import { randomStream } from "spectral-lab/core/random";

/** A small training problem: initial parameters and a loss of them. Data are made from the seed, equal everywhere. */
export interface Problem {
  readonly parameters: tf.Tensor[];
  loss(parameters: tf.Tensor[]): tf.Scalar;
}

/** Makes tensors of reproducible numbers. */
function source(name: string) {
  const random = randomStream(7, name);
  const uniform = (shape: number[], scale = 1): tf.Tensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tf.tensor(
      Float32Array.from({ length: size }, () => random.uniform(-scale, scale)),
      shape,
    );
  };
  const integers = (shape: number[], bound: number): tf.Tensor => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tf.tensor(
      Int32Array.from({ length: size }, () => random.integer(bound)),
      shape,
      "int32",
    );
  };
  return { uniform, integers };
}

function normalise(x: tf.Tensor, axes: number[], gain: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, axes, true);
  return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), gain), bias);
}

function crossEntropy(logits: tf.Tensor, labels: tf.Tensor): tf.Scalar {
  const hot = tf.cast(tf.oneHot(labels as tf.Tensor1D, logits.shape[1]!), "float32");
  const counted = tf.div(tf.sum(tf.mul(hot, tf.logSoftmax(logits)), 1), tf.sum(hot, 1));
  return tf.neg(tf.mean(counted)) as tf.Scalar;
}

/** Embedding, LayerNorm, two heads of causal attention, ReLU MLP, cross-entropy: batch 6, length 10, width 16. */
export function transformerBlock(): Problem {
  const { uniform, integers } = source("transformer");
  const [B, T, D, V] = [6, 10, 16, 23];
  const ids = integers([B, T], V);
  const targets = integers([B * T], V);
  const mask = tf.tensor(
    Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0)),
    [1, 1, T, T],
  );
  const scales = [1, 1, 1, 0.3, 0.3, 0.3, 0.3, 0.3];
  const shapes = [[V, D], [D], [D], [D, 3 * D], [D, D], [D, 32], [32, D], [D, V]];
  return {
    parameters: shapes.map((shape, i) => uniform(shape, scales[i])),
    loss([embedding, gain, bias, qkv, project, up, down, head]) {
      const x = tf.reshape(tf.gather(embedding, tf.reshape(ids, [B * T]) as tf.Tensor1D), [B, T, D]);
      const flat = tf.reshape(normalise(x, [2], gain, bias), [B * T, D]);
      const heads = tf.transpose(tf.reshape(tf.matMul(flat, qkv), [B, T, 3, 2, D / 2]), [2, 0, 3, 1, 4]);
      const [q, k, v] = tf.unstack(heads, 0);
      const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(D / 2)), mask);
      const mixed = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [B * T, D]);
      const attended = tf.add(tf.reshape(x, [B * T, D]), tf.matMul(mixed, project));
      const out = tf.add(attended, tf.matMul(tf.relu(tf.matMul(attended, up)), down));
      return crossEntropy(tf.matMul(out, head), targets);
    },
  };
}

/** Two convolutions with batch normalisation and pooling, and a linear layer, on 4 images of 12 x 12. */
export function convolutionalNet(): Problem {
  const { uniform, integers } = source("convolutional");
  const images = uniform([4, 12, 12, 3]);
  const labels = integers([4], 5);
  const shapes = [[3, 3, 3, 8], [8], [8], [8], [3, 3, 8, 12], [12], [12], [12], [3 * 3 * 12, 5]];
  return {
    parameters: shapes.map((shape) => uniform(shape, 0.3)),
    loss([w1, b1, g1, s1, w2, b2, g2, s2, head]) {
      let x = images as tf.Tensor4D;
      for (const [w, b, gain, shift] of [
        [w1, b1, g1, s1],
        [w2, b2, g2, s2],
      ]) {
        const y = tf.add(tf.conv2d(x, w as tf.Tensor4D, 1, "same"), b);
        x = tf.maxPool(tf.relu(normalise(y, [0, 1, 2], gain, shift)) as tf.Tensor4D, 2, 2, "valid");
      }
      return crossEntropy(tf.matMul(tf.reshape(x, [4, -1]), head), labels);
    },
  };
}

/**
 * A residual network: 7 x 7 with stride 2 and padding 3, 3 x 3 maximum pooling with stride 2 and padding 1, and a block of 3 x 3
 * with stride 2 and padding 1 whose shortcut is 1 x 1 with stride 2. On 4 images of 18 x 21, so that sizes are even and
 * odd: 9 x 11, 5 x 6, 3 x 3.
 */
export function residualNet(): Problem {
  const { uniform, integers } = source("residual");
  const images = uniform([4, 18, 21, 3]) as tf.Tensor4D;
  const labels = integers([4], 5);
  const shapes = [[7, 7, 3, 8], [8], [8], [3, 3, 8, 12], [12], [12], [3, 3, 12, 12], [1, 1, 8, 12], [12, 5]];
  return {
    parameters: shapes.map((shape) => uniform(shape, 0.4)),
    loss([w1, g1, s1, w2, g2, s2, w3, shortcut, head]) {
      const conv = (x: tf.Tensor, w: tf.Tensor, stride: number, padding: number): tf.Tensor4D =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, padding);
      const y = tf.relu(normalise(conv(images, w1, 2, 3), [0, 1, 2], g1, s1)) as tf.Tensor4D;
      const x = tf.maxPool(y, 3, 2, 1);
      const inner = tf.relu(normalise(conv(x, w2, 2, 1), [0, 1, 2], g2, s2));
      const sum = tf.relu(tf.add(conv(inner, w3, 1, 1), conv(x, shortcut, 2, 0)));
      return crossEntropy(tf.matMul(tf.mean(sum, [1, 2]), head), labels);
    },
  };
}

/** Down by a strided valid convolution, GroupNorm and swish, up by a transposed convolution, with a skip connection. */
export function smallUNet(): Problem {
  const { uniform } = source("unet");
  const images = uniform([3, 13, 13, 2]) as tf.Tensor4D;
  const noise = uniform([3, 13, 13, 2]);
  const shapes = [
    [3, 3, 2, 8],
    [3, 3, 8, 16],
    [1, 1, 4, 4],
    [1, 1, 4, 4],
    [3, 3, 8, 16],
    [3, 3, 16, 2],
  ];
  return {
    parameters: shapes.map((shape) => uniform(shape, 0.4)),
    loss([w1, w2, gain, shift, w3, w4]) {
      const swish = (x: tf.Tensor): tf.Tensor => tf.mul(x, tf.sigmoid(x));
      const wide = swish(tf.conv2d(images, w1 as tf.Tensor4D, 1, "same")) as tf.Tensor4D;
      const low = tf.conv2d(wide, w2 as tf.Tensor4D, 2, "valid"); // 6 x 6
      const groups = normalise(tf.reshape(low, [3, 36, 4, 4]), [1, 3], gain, shift);
      const deep = swish(tf.reshape(groups, [3, 6, 6, 16])) as tf.Tensor4D;
      const up = tf.conv2dTranspose(deep, w3 as tf.Tensor4D, [3, 13, 13, 8], 2, "valid");
      const out = tf.conv2d(tf.concat([up, wide], 3) as tf.Tensor4D, w4 as tf.Tensor4D, 1, "same");
      return tf.mean(tf.square(tf.sub(out, noise))) as tf.Scalar;
    },
  };
}

/** A bidirectional LSTM layer (the backend's own where it has one) and CTC (likewise; cross-entropy elsewhere). */
export function speechNet(): Problem {
  const { uniform } = source("speech");
  const [T, B, I, H, V] = [14, 5, 6, 8, 7];
  const frames = uniform([T * B, I]);
  const labels = Int32Array.of(1, 2, 3, 4, 4, 2, 5, 5, 5, 6, 0, 0, 1, 3, 0);
  const frameCounts = Int32Array.of(14, 12, 14, 9, 14);
  const labelCounts = Int32Array.of(3, 3, 3, 1, 2);
  const shapes = [[4 * H, I], [4 * H, H], [4 * H], [4 * H, I], [4 * H, H], [4 * H], [2 * H, V]];
  return {
    parameters: shapes.map((shape) => uniform(shape, 0.4)),
    loss([inputF, recurrentF, biasF, inputR, recurrentR, biasR, head]) {
      const project = (w: tf.Tensor, b: tf.Tensor): tf.Tensor3D =>
        tf.reshape(tf.add(tf.matMul(frames, w, false, true), b), [T, B, 4 * H]) as tf.Tensor3D;
      const lstm = fused().bidirectionalLstm ?? composedLstm;
      const hidden = lstm(project(inputF, biasF), project(inputR, biasR), recurrentF, recurrentR);
      const logits = tf.reshape(tf.matMul(tf.reshape(hidden, [T * B, 2 * H]), head), [
        T,
        B,
        V,
      ]) as tf.Tensor3D;
      return tf.mean(fused().ctc!(logits, labels, frameCounts, labelCounts, 0)) as tf.Scalar;
    },
  };
}

/** The bidirectional LSTM recurrence from single operations: what the fused ones are tested against. */
export function composedLstm(xf: tf.Tensor3D, xr: tf.Tensor3D, whf: tf.Tensor, whr: tf.Tensor): tf.Tensor3D {
  const direction = (x: tf.Tensor3D, w: tf.Tensor, reverse: boolean): tf.Tensor => {
    // TensorFlow.js has no gradient of an unstack into one tensor.
    const inputs = x.shape[0] === 1 ? [tf.squeeze(x, [0])] : tf.unstack(x, 0);
    const T = inputs.length;
    const outputs: tf.Tensor[] = [];
    let hidden: tf.Tensor | undefined;
    let cell: tf.Tensor | undefined;
    for (let s = 0; s < T; s++) {
      const t = reverse ? T - 1 - s : s;
      const gates = hidden ? tf.add(inputs[t], tf.matMul(hidden, w, false, true)) : inputs[t];
      const [i, f, g, o] = tf.split(gates, 4, 1);
      const fresh = tf.mul(tf.sigmoid(i), tf.tanh(g));
      cell = cell ? tf.add(tf.mul(tf.sigmoid(f), cell), fresh) : fresh;
      hidden = tf.mul(tf.sigmoid(o), tf.tanh(cell));
      outputs[t] = hidden;
    }
    return tf.stack(outputs, 0);
  };
  return tf.concat([direction(xf, whf, false), direction(xr, whr, true)], 2) as tf.Tensor3D;
}

export type Update = (
  p: tf.Tensor[],
  slots: tf.Tensor[][],
  g: tf.Tensor[],
  step: number,
) => [tf.Tensor[], tf.Tensor[][]];

/** AdamW from single operations. */
export const composedAdamw: Update = (p, slots, g, step) => {
  const [learningRate, beta1, beta2, decay] = [0.01, 0.9, 0.98, 0.1];
  const next = p.map((parameter, i) => {
    const m = tf.add(tf.mul(slots[0][i], beta1), tf.mul(g[i], 1 - beta1));
    const v = tf.add(tf.mul(slots[1][i], beta2), tf.mul(tf.square(g[i]), 1 - beta2));
    const root = tf.add(tf.sqrt(tf.mul(v, 1 / (1 - beta2 ** step))), 1e-8);
    const change = tf.div(tf.mul(m, learningRate / (1 - beta1 ** step)), root);
    return [tf.sub(tf.mul(parameter, 1 - learningRate * decay), change), m, v];
  });
  return [next.map((n) => n[0]), [next.map((n) => n[1]), next.map((n) => n[2])]];
};

/** AdamW as the backend fuses it, where it does. */
export const fusedAdamw: Update = (p, slots, g, step) => {
  const { adamw } = fused();
  if (!adamw) return composedAdamw(p, slots, g, step);
  const numbers = new Scalars([1 - 0.01 * 0.1, 0.01 / (1 - 0.9 ** step), 1 / (1 - 0.98 ** step)]);
  const constants = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8 };
  const states = p.map((parameter, i) => ({ p: parameter, m: slots[0][i], v: slots[1][i] }));
  const next = adamw(states, g, numbers, constants, false);
  numbers.dispose();
  return [next.map((n) => n.p), [next.map((n) => n.m), next.map((n) => n.v)]];
};

/** SGD with momentum and coupled decay from single operations. */
export const composedSgd: Update = (p, slots, g) => {
  const [learningRate, momentum, decay] = [0.02, 0.9, 0.01];
  const v = p.map((parameter, i) =>
    tf.add(tf.mul(slots[0][i], momentum), tf.add(g[i], tf.mul(parameter, decay))),
  );
  return [p.map((parameter, i) => tf.sub(parameter, tf.mul(v[i], learningRate))), [v, slots[1]]];
};

/** The same as the backend fuses it, where it does. */
export const fusedSgd: Update = (p, slots, g, step) => {
  const { sgd } = fused();
  if (!sgd) return composedSgd(p, slots, g, step);
  const numbers = new Scalars([0.02]);
  const constants = { momentum: 0.9, weightDecay: 0.01 };
  const states = p.map((parameter, i) => ({ p: parameter, v: slots[0][i] }));
  const next = sgd(states, g, numbers, constants, false);
  numbers.dispose();
  return [next.map((n) => n.p), [next.map((n) => n.v), slots[1]]];
};

/** Trains for `steps` updates and hands the loss tensor of each to `onLoss`, which disposes of it. Leaves no tensors. */
export async function train(
  make: () => Problem,
  update: Update,
  steps: number,
  onLoss: (loss: tf.Scalar, step: number) => Promise<void> | void,
): Promise<void> {
  tf.engine().startScope("problem");
  const problem = make();
  let parameters = problem.parameters.map((p) => p.clone());
  let slots = [0, 1].map(() => parameters.map((p) => tf.zerosLike(p)));
  const gradients = tf.valueAndGrads((...p: tf.Tensor[]) => problem.loss(p));
  for (let step = 1; step <= steps; step++) {
    const { value, grads } = gradients(parameters);
    const [nextParameters, nextSlots] = tf.tidy(() =>
      update(parameters, slots, grads, step),
    ) as ReturnType<Update>;
    const kept = new Set([...nextParameters, ...nextSlots.flat()]);
    tf.dispose([...parameters, ...slots.flat(), ...grads].filter((tensor) => !kept.has(tensor)));
    [parameters, slots] = [nextParameters, nextSlots];
    await onLoss(value as tf.Scalar, step);
  }
  tf.engine().endScope();
}
