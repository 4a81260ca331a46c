import * as tf from "@tensorflow/tfjs";
import { checkCtc, type CtcArguments } from "../ctc-arguments.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, words, type Shader } from "./shader.js";
import { wrap } from "./tensors.js";

const mostStates = 1024;

/**
 * Connectionist temporal classification (Graves et al. 2006), see FusedOps: forward-backward in logarithms, one
 * workgroup per utterance, a thread per state. Every frame's forward variables are shifted so that the largest is 0, and
 * the backward ones by the same amounts, so that float32 keeps its precision over any number of frames.
 * @throws RangeError for arguments that do not fit together, or more than 511 labels
 */
export function ctc(backend: PooledWebGpu, logits: tf.Tensor3D, args: CtcArguments): tf.Tensor1D {
  const longest = checkCtc(logits.shape, args);
  const states = 2 * longest + 1;
  if (states > mostStates)
    throw new RangeError(`ctc: at most ${(mostStates - 1) / 2} labels an utterance, found ${longest}`);
  const [T, B, V] = logits.shape;
  const loss = tf.customGrad((...received) => {
    const [logits, save] = received as unknown as [tf.Tensor3D, tf.GradSaveFunc];
    const logProbabilities = tf.logSoftmax(logits);
    const labels = tf.tensor1d(longest > 0 ? args.labels : [0], "int32");
    const lengths = tf.tensor1d(
      Int32Array.from({ length: 2 * B }, (_, i) => (i % 2 ? args.labelLengths : args.frames)[i >> 1]),
      "int32",
    );
    const [losses, gradient, alpha, shifts] = [[B], [T, B, V], [B, T, states], [B, T]].map((shape) =>
      wrap(backend.makeTensorInfo(shape, "float32")),
    );
    const uniforms = words(T, B, V, longest, args.blank, states, { f: Infinity });
    backend.run(shader, [losses, gradient, alpha, shifts], [logProbabilities, labels, lengths], uniforms, [
      B,
      1,
      1,
    ]);
    save([gradient]);
    const gradFunc = (dy: tf.Tensor, [gradient]: tf.Tensor[]): tf.Tensor =>
      tf.mul(gradient, tf.reshape(dy, [1, B, 1]));
    return { value: losses, gradFunc };
  });
  return loss(logits) as tf.Tensor1D;
}

const shader: Shader = {
  key: "ctc",
  outputs: 4,
  inputs: 3,
  code: () => `${declareBindings(
    ["loss", "gradient", "alpha", "shifts"],
    ["logp", "labels : i32", "lengths : i32"],
    ["T", "B", "V", "L", "blank", "S", "infinity : f32"],
  )}
const never = -1e30;
var<workgroup> rows : array<array<f32, ${mostStates}>, 2>;
var<workgroup> posterior : array<f32, ${mostStates}>;
var<workgroup> symbol : array<u32, ${mostStates}>;
var<workgroup> largest : array<f32, 256>;
var<workgroup> total : f32;
fn add(a : f32, b : f32) -> f32 {
  let m = max(a, b);
  if (m <= never) { return never; }
  return m + log(1.0 + exp(min(a, b) - m));
}
fn skips(s : u32) -> bool { return s > 1u && (s & 1u) == 1u && symbol[s] != symbol[s - 2u]; }
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let b = group.x;
  let frames = u32(lengths[b * 2u]);
  let S = 2u * u32(lengths[b * 2u + 1u]) + 1u;
  let base = b * u.T * u.S;
  for (var s = local; s < S; s += 256u) {
    symbol[s] = u.blank;
    if ((s & 1u) == 1u) { symbol[s] = u32(labels[b * u.L + s / 2u]); }
  }
  workgroupBarrier();
  var shifted = 0.0;
  var lost = 0.0; // Kahan's compensation of the sum of shifts
  for (var t = 0u; t < frames; t++) {
    let now = t & 1u;
    let before = 1u - now;
    var peak = never;
    for (var s = local; s < S; s += 256u) {
      var a = never;
      if (t == 0u) {
        if (s < 2u) { a = 0.0; }
      } else {
        a = rows[before][s];
        if (s > 0u) { a = add(a, rows[before][s - 1u]); }
        if (skips(s)) { a = add(a, rows[before][s - 2u]); }
      }
      a = max(a + logp[(t * u.B + b) * u.V + symbol[s]], never);
      rows[now][s] = a;
      peak = max(peak, a);
    }
    largest[local] = peak;
    for (var half = 128u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (local < half) { largest[local] = max(largest[local], largest[local + half]); }
    }
    workgroupBarrier();
    let shift = select(largest[0], 0.0, largest[0] <= never * 0.5);
    workgroupBarrier();
    for (var s = local; s < S; s += 256u) {
      let a = max(rows[now][s] - shift, never);
      rows[now][s] = a;
      alpha[base + t * u.S + s] = a;
    }
    if (local == 0u) {
      shifts[b * u.T + t] = shift;
      let term = shift - lost;
      let sum = shifted + term;
      lost = (sum - shifted) - term;
      shifted = sum;
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    let end = (frames - 1u) & 1u;
    var p = rows[end][S - 1u];
    if (S > 1u) { p = add(p, rows[end][S - 2u]); }
    total = p;
    loss[b] = select(-(p + shifted), u.infinity, p <= never * 0.5);
  }
  storageBarrier();
  workgroupBarrier();
  let p = total;
  let possible = p > never * 0.5;
  for (var back = 0u; back < u.T; back++) {
    let t = u.T - 1u - back;
    if (t < frames) {
      let now = t & 1u;
      let after = 1u - now;
      for (var s = local; s < S; s += 256u) {
        let emitted = logp[(t * u.B + b) * u.V + symbol[s]];
        var a = never;
        if (t == frames - 1u) {
          if (s + 2u >= S) { a = 0.0; }
        } else {
          a = rows[after][s];
          if (s + 1u < S) { a = add(a, rows[after][s + 1u]); }
          if (s + 2u < S && skips(s + 2u)) { a = add(a, rows[after][s + 2u]); }
          a -= shifts[b * u.T + t + 1u];
        }
        a = max(a + emitted, never);
        rows[now][s] = a;
        posterior[s] = exp(min(alpha[base + t * u.S + s] + a - emitted - p, 0.0));
      }
    }
    workgroupBarrier();
    for (var v = local; v < u.V; v += 256u) {
      let at = (t * u.B + b) * u.V + v;
      var g = 0.0;
      if (t < frames && possible) {
        g = exp(logp[at]);
        for (var s = 0u; s < S; s++) { if (symbol[s] == v) { g -= posterior[s]; } }
      }
      gradient[at] = g;
    }
    workgroupBarrier();
  }
}`,
};
