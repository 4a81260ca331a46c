import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { composedCausalAttention } from "spectral-lab/nn/attention";
import { composedBatchNorm, composedLayerNorm } from "spectral-lab/nn/normalisation";
import { Scalars } from "spectral-lab/optim/scalars";
import { randomStream } from "spectral-lab/core/random";
import { availableBackends } from "./available.js";
import { composedLstm } from "./models.js";

const { names } = await availableBackends();

function uniform(name: string, shape: number[], scale = 1): tf.Tensor {
  const random = randomStream(5, name);
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.uniform(-scale, scale)),
    shape,
  );
}

function assertClose(
  found: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  assert.equal(found.length, expected.length, what);
  const scale = Math.max(1e-30, ...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i] - expected[i]) / scale;
    assert.ok(
      difference <= tolerance,
      `${what}: element ${i} is ${found[i]}, expected ${expected[i]} (${difference} of the largest)`,
    );
  }
}

for (const backend of names) {
  test(`${backend}: the fused LSTM and its gradients equal the composed one`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.bidirectionalLstm) return t.skip("not offered");
    // Hidden sizes that are no multiple of 4; more units and utterances than one workgroup takes; saturated gates.
    for (const [T, B, H, scale] of [
      [7, 3, 5, 1],
      [9, 6, 72, 1],
      [5, 2, 8, 60],
    ]) {
      const inputs = [
        uniform("xf", [T, B, 4 * H], scale),
        uniform("xr", [T, B, 4 * H], scale),
        uniform("whf", [4 * H, H], 1 / Math.sqrt(H)),
        uniform("whr", [4 * H, H], 1 / Math.sqrt(H)),
      ];
      const weight = uniform("dy", [T, B, 2 * H]);
      const run = (lstm: typeof composedLstm): tf.Tensor[] => {
        const loss = (...x: tf.Tensor[]): tf.Scalar =>
          tf.sum(tf.mul(weight, lstm(x[0] as tf.Tensor3D, x[1] as tf.Tensor3D, x[2], x[3])));
        const out = lstm(inputs[0] as tf.Tensor3D, inputs[1] as tf.Tensor3D, inputs[2], inputs[3]);
        return [out, ...tf.valueAndGrads(loss)(inputs).grads];
      };
      const [found, expected] = [run(fused.bidirectionalLstm), run(composedLstm)];
      for (const [i, name] of ["out", "dxf", "dxr", "dwhf", "dwhr"].entries()) {
        assertClose(
          await read(found[i]),
          await read(expected[i]),
          5e-6,
          `${name} at T ${T}, B ${B}, H ${H}, scale ${scale}`,
        );
      }
    }
  });

  test(`${backend}: one frame of the fused LSTM has no recurrence`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.bidirectionalLstm) return t.skip("not offered");
    const [xf, xr] = [uniform("xf", [1, 2, 16]), uniform("xr", [1, 2, 16])] as tf.Tensor3D[];
    const weights = [uniform("whf", [16, 4]), uniform("whr", [16, 4])];
    const out = fused.bidirectionalLstm(xf, xr, weights[0], weights[1]);
    assertClose(await read(out), await read(composedLstm(xf, xr, weights[0], weights[1])), 1e-6, "out");
    const loss = (...w: tf.Tensor[]): tf.Scalar => tf.sum(fused.bidirectionalLstm!(xf, xr, w[0], w[1]));
    for (const gradient of tf.grads(loss)(weights))
      assert.deepEqual(await read(gradient), new Float32Array(64));
  });

  test(`${backend}: fused batch normalisation and its gradients equal the composed one`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.batchNorm) return t.skip("not offered");
    // Rows that are no multiple of a block, channels that are no multiple of 4; a mean far from 0.
    for (const [rows, channels, offset] of [
      [7, 5, 0],
      [130, 18, 3],
      [1, 4, 0],
    ]) {
      const inputs = [
        tf.add(uniform("x", [rows, channels]), offset),
        uniform("gain", [channels]),
        uniform("bias", [channels]),
      ];
      const weight = uniform("dy", [rows, channels]);
      const run = (norm: NonNullable<typeof fused.batchNorm>): tf.Tensor[] => {
        const moments: tf.Tensor[] = [];
        const loss = (x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Scalar => {
          const { y, mean, variance } = norm(x as tf.Tensor2D, gain, bias, 1e-5);
          moments.push(y.clone(), mean, variance);
          moments.forEach((tensor) => tf.keep(tensor));
          return tf.sum(tf.mul(weight, y));
        };
        const { grads } = tf.valueAndGrads(loss)(inputs as [tf.Tensor, tf.Tensor, tf.Tensor]);
        return [...moments, ...grads];
      };
      const [found, expected] = [run(fused.batchNorm), run(composedBatchNorm)];
      for (const [i, name] of ["y", "mean", "variance", "dx", "dGain", "dBias"].entries()) {
        const what = `${name} of ${rows} x ${channels}`;
        if (rows === 1 && name === "dx") {
          assert.ok(Math.max(...(await read(found[i]))) < 1e-3, what); // 0 but for rounding, in either form
          continue;
        }
        assertClose(await read(found[i]), await read(expected[i]), 1e-5, what);
      }
    }
  });

  test(`${backend}: fused layer normalisation and its gradients equal the composed one`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.layerNorm) return t.skip("not offered");
    for (const [shape, offset] of [
      [[7, 5], 0],
      [[2, 3, 18], 3],
      [[65, 32], 0],
    ] as const) {
      const C = shape[shape.length - 1];
      const inputs = [tf.add(uniform("x", [...shape]), offset), uniform("gain", [C]), uniform("bias", [C])];
      const weight = uniform("dy", [...shape]);
      const run = (norm: NonNullable<typeof fused.layerNorm>): tf.Tensor[] => {
        const loss = (x: tf.Tensor, gain: tf.Tensor, bias: tf.Tensor): tf.Scalar =>
          tf.sum(tf.mul(weight, norm(x, gain, bias, 1e-5)));
        const y = norm(inputs[0], inputs[1], inputs[2], 1e-5);
        return [y, ...tf.grads(loss)(inputs as [tf.Tensor, tf.Tensor, tf.Tensor])];
      };
      const [found, expected] = [run(fused.layerNorm), run(composedLayerNorm)];
      for (const [i, name] of ["y", "dx", "dGain", "dBias"].entries())
        assertClose(await read(found[i]), await read(expected[i]), 1e-5, `${name} of ${shape.join(" x ")}`);
    }
  });

  test(`${backend}: fused causal attention and its gradients equal the composed one`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.causalAttention) return t.skip("not offered");
    // Odd sizes; scores of tens, where weights are nearly 0 or 1.
    for (const [n, T, heads, size, scale] of [
      [2, 7, 3, 5, 1],
      [3, 33, 2, 8, 1],
      [1, 1, 1, 4, 1],
      [2, 12, 2, 4, 5],
    ]) {
      const width = heads * size;
      const inputs = [uniform("projected", [n, T, 3 * width], scale), uniform("bias", [3 * width], scale)];
      const weight = uniform("dy", [n, T, width]);
      const run = (attend: NonNullable<typeof fused.causalAttention>): tf.Tensor[] => {
        const loss = (x: tf.Tensor, bias: tf.Tensor): tf.Scalar =>
          tf.sum(tf.mul(weight, attend(x as tf.Tensor3D, bias, heads)));
        const [x, bias] = inputs;
        return [attend(x as tf.Tensor3D, bias, heads), ...tf.grads(loss)([x, bias])];
      };
      const [found, expected] = [run(fused.causalAttention), run(composedCausalAttention)];
      for (const [i, name] of ["out", "dProjected", "dBias"].entries())
        assertClose(await read(found[i]), await read(expected[i]), 1e-5, `${name} of ${n} x ${T} x ${width}`);
    }
  });

  test(`${backend}: CTC sums over every alignment`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.ctc) return t.skip("not offered");
    const [T, B, V] = [5, 4, 4];
    const logits = uniform("logits", [T, B, V], 2) as tf.Tensor3D;
    const labels = Int32Array.of(1, 2, 3, 3, 0, 0, 2, 0);
    const frames = Int32Array.of(5, 4, 3, 5);
    const lengths = Int32Array.of(2, 2, 0, 1);
    const losses = await read(fused.ctc(logits, labels, frames, lengths, 0));
    const values = await read(tf.softmax(logits));
    for (let b = 0; b < B; b++) {
      const label = Array.from(labels.subarray(2 * b, 2 * b + lengths[b]));
      const total = everyAlignment(label, frames[b], V, (t, v) => values[(t * B + b) * V + v]);
      assertClose([losses[b]], [-Math.log(total)], 2e-6, `utterance ${b}`);
    }
  });

  test(`${backend}: the gradient of CTC is that of its loss, and long utterances keep their digits`, async (t) => {
    const { fused } = await startBackend({ backend });
    const { fused: host } = await startBackend({ backend: "js" });
    await startBackend({ backend });
    if (!fused.ctc) return t.skip("not offered");
    const [T, B, V, L] = [300, 3, 29, 60];
    const random = randomStream(3, "ctc");
    const labels = Int32Array.from({ length: B * L }, () => 1 + random.integer(V - 1));
    const frames = Int32Array.of(300, 299, 150);
    const lengths = Int32Array.of(60, 17, 1);
    const logits = uniform("long", [T, B, V], 4) as tf.Tensor3D;
    const weights = tf.tensor1d([1, -0.5, 2]);
    const gradientOf = (ctc: NonNullable<typeof fused.ctc>, x: tf.Tensor3D): tf.Tensor =>
      tf.grad((x) => tf.sum(tf.mul(weights, ctc(x as tf.Tensor3D, labels, frames, lengths, 0))))(x);
    const found = [
      await read(fused.ctc(logits, labels, frames, lengths, 0)),
      await read(gradientOf(fused.ctc, logits)),
    ];
    const data = (await read(logits)).slice();
    const factors = await read(weights);
    await startBackend({ backend: "js" });
    const copy = tf.tensor3d(data as Float32Array, [T, B, V]);
    const losses = host.ctc!(copy, labels, frames, lengths, 0);
    const again = tf.tensor1d(factors as Float32Array);
    const gradient = tf.grad((x) =>
      tf.sum(tf.mul(again, host.ctc!(x as tf.Tensor3D, labels, frames, lengths, 0))),
    )(copy);
    assertClose(found[0], await read(losses), 1e-6, "losses");
    assertClose(found[1], await read(gradient), 5e-5, "gradient");

    // The host's gradient against a central difference of its own loss.
    const at = (10 * B + 1) * V + 4;
    const shifted = async (by: number): Promise<number> => {
      const moved = (data as Float32Array).slice();
      moved[at] += by;
      return (await read(host.ctc!(tf.tensor3d(moved, [T, B, V]), labels, frames, lengths, 0)))[1];
    };
    const slope = ((await shifted(0.25)) - (await shifted(-0.25))) / 0.5;
    assert.ok(Math.abs(slope * -0.5 - (await read(gradient))[at]) < 2e-3);
  });

  test(`${backend}: CTC refuses what does not fit together, and an impossible label is infinitely unlikely`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.ctc) return t.skip("not offered");
    const { ctc } = fused;
    const logits = tf.zeros([3, 1, 4]) as tf.Tensor3D;
    const one = (label: number[], frames: number, blank = 0): tf.Tensor =>
      ctc(logits, Int32Array.from(label), Int32Array.of(frames), Int32Array.of(label.length), blank);
    assert.throws(() => one([1], 4), /utterance 0 has 4 frames; expected 1 to 3/);
    assert.throws(() => one([4], 3), /utterance 0 has label 4 at 0/);
    assert.throws(() => one([0], 3), /has label 0 at 0/);
    assert.throws(() => one([1], 3, 9), /blank 9/);
    assert.deepEqual(await read(one([1, 1], 2)), Float32Array.of(Infinity));
  });

  test(`${backend}: the fused optimisers equal PyTorch's formulas and change nothing in place`, async (t) => {
    const { fused } = await startBackend({ backend });
    if (!fused.adamw || !fused.sgd) return t.skip("not offered");
    for (const size of [1, 3, 130]) {
      const [p, m, g] = ["p", "m", "g"].map((name) => uniform(name, [size]));
      const v = tf.square(uniform("v", [size]));
      const before = await Promise.all([p, m, v, g].map(async (tensor) => Array.from(await read(tensor))));
      const numbers = new Scalars([1 - 0.1 * 0.3, 0.1 / (1 - 0.9 ** 4), 1 / (1 - 0.98 ** 4)]);
      const found = fused.adamw(p, m, v, g, numbers, { beta1: 0.9, beta2: 0.98, epsilon: 1e-8 });
      const expected: number[][] = [[], [], []];
      for (let i = 0; i < size; i++) {
        const [w, m0, v0, gradient] = before.map((values) => values[i]);
        const m1 = 0.9 * m0 + 0.1 * gradient;
        const v1 = 0.98 * v0 + 0.02 * gradient ** 2;
        const step = (0.1 * (m1 / (1 - 0.9 ** 4))) / (Math.sqrt(v1 / (1 - 0.98 ** 4)) + 1e-8);
        [w * (1 - 0.1 * 0.3) - step, m1, v1].forEach((x, k) => expected[k].push(x));
      }
      for (let k = 0; k < 3; k++)
        assertClose(await read(found[k]), expected[k], 1e-6, `AdamW ${k}, size ${size}`);
      const moved = fused.sgd(p, m, g, new Scalars([0.1]), { momentum: 0.9, weightDecay: 0.3 });
      const velocity = before[1].map((m0, i) => 0.9 * m0 + before[3][i] + 0.3 * before[0][i]);
      assertClose(await read(moved[1]), velocity, 1e-6, `velocity, size ${size}`);
      const weight = before[0].map((w, i) => w - 0.1 * velocity[i]);
      assertClose(await read(moved[0]), weight, 1e-6, `SGD, size ${size}`);
      const after = await Promise.all([p, m, v, g].map(async (tensor) => Array.from(await read(tensor))));
      assert.deepEqual(after, before);
    }
  });
}

/** Sum of the probabilities of all paths of `n` symbols whose repeats and blanks reduce to `label`. */
function everyAlignment(
  label: number[],
  n: number,
  V: number,
  probability: (t: number, v: number) => number,
): number {
  let total = 0;
  for (let code = 0; code < V ** n; code++) {
    const path = Array.from({ length: n }, (_, t) => Math.floor(code / V ** t) % V);
    const reduced = path.filter((v, t) => v !== 0 && v !== path[t - 1]);
    if (reduced.join() === label.join())
      total += path.reduce((product, v, t) => product * probability(t, v), 1);
  }
  return total;
}
