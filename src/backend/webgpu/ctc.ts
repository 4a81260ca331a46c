import * as tf from "@tensorflow/tfjs";
import { checkCtc, type CtcArguments } from "../ctc-arguments.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, words, type Shader } from "./shader.js";
import { wrap } from "./tensors.js";

const mostStates = 1024;

/**
 * Connectionist temporal classification (Graves et al. 2006), see FusedOps: forward-backward in logarithms. The two
 * recursions run side by side, a workgroup for each utterance and direction; then all frames' gradients at once. Every
 * frame of a recursion is shifted by a number of its own, so that float32 keeps its precision over any number of frames:
 * the posteriors of a frame are known to sum to 1.
 * @throws RangeError for arguments that do not fit together, or more than 511 labels
 */
export function ctc(backend: PooledWebGpu, logits: tf.Tensor3D, args: CtcArguments): tf.Tensor1D {
  const longest = checkCtc(logits.shape, args);
  const states = 2 * longest + 1;
  if (states > mostStates)
    throw new RangeError(`ctc: at most ${(mostStates - 1) / 2} labels an utterance, found ${longest}`);
  const [T, B, V] = logits.shape;
  const make = (shape: number[]): tf.Tensor => wrap(backend.makeTensorInfo(shape, "float32"));
  const loss = tf.customGrad((...received) => {
    const [logits, save] = received as unknown as [tf.Tensor3D, tf.GradSaveFunc];
    const logProbabilities = tf.logSoftmax(logits);
    const labels = tf.tensor1d(longest > 0 ? args.labels : [0], "int32");
    const lengths = tf.tensor1d(
      Int32Array.from({ length: 2 * B }, (_, i) => (i % 2 ? args.labelLengths : args.frames)[i >> 1]),
      "int32",
    );
    const [losses, paths, gradient] = [[B], [2, B, T, states], [T, B, V]].map(make);
    const uniforms = words(T, B, V, longest, args.blank, states, { f: Infinity });
    const inputs = [logProbabilities, labels, lengths];
    backend.run(recursionShader, [losses, paths], inputs, uniforms, [B, 2, 1]);
    backend.run(gradientShader, [gradient], [...inputs, losses, paths], uniforms, [T, B, 1]);
    save([gradient]);
    const gradFunc = (dy: tf.Tensor, [gradient]: tf.Tensor[]): tf.Tensor =>
      tf.mul(gradient, tf.reshape(dy, [1, B, 1]));
    return { value: losses, gradFunc };
  });
  return loss(logits) as tf.Tensor1D;
}

const inputs = ["logp", "labels : i32", "lengths : i32"];
const uniforms = ["T", "B", "V", "L", "blank", "S", "infinity : f32"];

/** Stands for the logarithm of 0. State s of a transcript is its label s / 2 where s is odd, else the blank. */
const common = `
const never = -1e30;
fn symbolOf(b : u32, s : u32) -> u32 {
  if ((s & 1u) == 0u) { return u.blank; }
  return u32(labels[b * u.L + s / 2u]);
}`;

const threads = 256;
const perThread = mostStates / threads;

/**
 * losses: B. paths[0][b][t][s]: log of the summed probability of all beginnings that end in state s at frame t, less a shift
 * for each frame; paths[1]: of all endings that start there. The endings of a transcript are the beginnings of the reversed one.
 * A frame is shifted by the largest value of the frame before it.
 */
const recursionShader: Shader = {
  key: "ctc recursion",
  outputs: 2,
  inputs: 3,
  code: () => `${declareBindings(["loss", "paths"], inputs, uniforms)}
${common}
var<workgroup> rows : array<array<f32, ${mostStates}>, 2>;
var<workgroup> peaks : array<f32, ${threads}>;
var<workgroup> tops : array<f32, 16>;
fn add(a : f32, b : f32) -> f32 {
  let m = max(a, b);
  if (m <= never) { return never; }
  return m + log(1.0 + exp(min(a, b) - m));
}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let b = group.x;
  let reversed = group.y == 1u;
  let frames = u32(lengths[b * 2u]);
  let S = 2u * u32(lengths[b * 2u + 1u]) + 1u;
  var place : array<u32, ${perThread}>;
  var symbol : array<u32, ${perThread}>;
  var skips : array<bool, ${perThread}>;
  for (var q = 0u; q < ${perThread}u; q++) {
    let s = local + q * ${threads}u;
    if (s < S) {
      place[q] = select(s, S - 1u - s, reversed);
      symbol[q] = symbolOf(b, place[q]);
      skips[q] = s > 1u && (s & 1u) == 1u && symbol[q] != symbolOf(b, select(s - 2u, S + 1u - s, reversed));
    }
  }
  var shifted = 0.0;
  var lost = 0.0; // Kahan's compensation of the sum of shifts
  for (var step = 0u; step < frames; step++) {
    let t = select(step, frames - 1u - step, reversed);
    let now = step & 1u;
    let before = 1u - now;
    var shift = 0.0;
    if (step > 0u) {
      shift = tops[0];
      for (var i = 1u; i < 16u; i++) { shift = max(shift, tops[i]); }
      if (shift <= never * 0.5) { shift = 0.0; }
    }
    let term = shift - lost;
    let sum = shifted + term;
    lost = (sum - shifted) - term;
    shifted = sum;
    var peak = never;
    for (var q = 0u; q < ${perThread}u; q++) {
      let s = local + q * ${threads}u;
      if (s < S) {
        var a = never;
        if (step == 0u) {
          if (s < 2u) { a = 0.0; }
        } else {
          a = rows[before][s];
          if (s > 0u) { a = add(a, rows[before][s - 1u]); }
          if (skips[q]) { a = add(a, rows[before][s - 2u]); }
        }
        a = max(a + logp[(t * u.B + b) * u.V + symbol[q]] - shift, never);
        rows[now][s] = a;
        paths[((group.y * u.B + b) * u.T + t) * u.S + place[q]] = a;
        peak = max(peak, a);
      }
    }
    peaks[local] = peak;
    workgroupBarrier();
    if (local < 16u) {
      var top = peaks[local];
      for (var i = 1u; i < ${threads / 16}u; i++) { top = max(top, peaks[local + i * 16u]); }
      tops[local] = top;
    }
    workgroupBarrier();
  }
  if (local == 0u && !reversed) {
    let end = (frames - 1u) & 1u;
    var p = rows[end][S - 1u];
    if (S > 1u) { p = add(p, rows[end][S - 2u]); }
    loss[b] = select(-(p + shifted), u.infinity, p <= never * 0.5);
  }
}`,
};

const gradientThreads = 64;

/** One workgroup for each frame and utterance: softmax less the posterior of each symbol; 0 beyond the end, and where no path exists. */
const gradientShader: Shader = {
  key: "ctc gradient",
  outputs: 1,
  inputs: 5,
  code: () => `${declareBindings(["gradient"], [...inputs, "loss", "paths"], uniforms)}
${common}
var<workgroup> posterior : array<f32, ${mostStates}>;
var<workgroup> symbol : array<u32, ${mostStates}>;
var<workgroup> partial : array<f32, ${gradientThreads}>;
@compute @workgroup_size(${gradientThreads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let t = group.x;
  let b = group.y;
  let S = 2u * u32(lengths[b * 2u + 1u]) + 1u;
  let frame = (t * u.B + b) * u.V;
  let counts = t < u32(lengths[b * 2u]) && loss[b] < u.infinity;
  var peak = never;
  for (var s = local; s < S; s += ${gradientThreads}u) {
    symbol[s] = symbolOf(b, s);
    let at = (b * u.T + t) * u.S + s;
    posterior[s] = paths[at] + paths[at + u.B * u.T * u.S] - logp[frame + symbol[s]];
    peak = max(peak, posterior[s]);
  }
  partial[local] = peak;
  for (var half = ${gradientThreads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] = max(partial[local], partial[local + half]); }
  }
  workgroupBarrier();
  peak = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var s = local; s < S; s += ${gradientThreads}u) {
    posterior[s] = exp(posterior[s] - peak);
    sum += posterior[s];
  }
  partial[local] = sum;
  for (var half = ${gradientThreads / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { partial[local] += partial[local + half]; }
  }
  workgroupBarrier();
  for (var v = local; v < u.V; v += ${gradientThreads}u) {
    var expected = 0.0;
    for (var s = select(1u, 0u, v == u.blank); s < S; s += 2u) {
      expected += select(0.0, posterior[s], symbol[s] == v);
    }
    gradient[frame + v] = select(0.0, exp(logp[frame + v]) - expected / partial[0], counts);
  }
}`,
};
