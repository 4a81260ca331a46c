import * as tf from "@tensorflow/tfjs";
import { checkCtc, type CtcArguments } from "../ctc-arguments.js";

/**
 * CTC for backends whose tensors the host can read at once (see FusedOps): forward-backward in float64 logarithms.
 * @throws RangeError for arguments that do not fit together
 */
export function hostCtc(
  logits: tf.Tensor3D,
  labels: Int32Array,
  frames: Int32Array,
  labelLengths: Int32Array,
  blank: number,
): tf.Tensor1D {
  const args = { labels, frames, labelLengths, blank };
  checkCtc(logits.shape, args);
  const loss = tf.customGrad((...received) => {
    const [logits, save] = received as unknown as [tf.Tensor3D, tf.GradSaveFunc];
    const logProbabilities = tf.logSoftmax(logits).dataSync() as Float32Array;
    const { losses, gradient } = forwardBackward(logProbabilities, logits.shape, args);
    const saved = tf.tensor3d(gradient, logits.shape);
    save([saved]);
    const gradFunc = (dy: tf.Tensor, [gradient]: tf.Tensor[]): tf.Tensor =>
      tf.mul(gradient, tf.reshape(dy, [1, -1, 1]));
    return { value: tf.tensor1d(losses), gradFunc };
  });
  return loss(logits) as tf.Tensor1D;
}

/**
 * Losses and their gradients with respect to the logits (Graves et al. 2006, equation 16): softmax less the expected
 * share of each symbol in the label's alignments. An utterance with no alignment has infinite loss and no gradient.
 * @param logp log probabilities, T x B x V
 */
export function forwardBackward(
  logp: Float32Array,
  [T, B, V]: readonly number[],
  { labels, frames, labelLengths, blank }: CtcArguments,
): { losses: Float32Array; gradient: Float32Array } {
  const losses = new Float32Array(B);
  const gradient = new Float32Array(T * B * V);
  const longest = labels.length / B;
  for (let b = 0; b < B; b++) {
    const states = 2 * labelLengths[b] + 1;
    const symbols = Int32Array.from({ length: states }, (_, s) =>
      s % 2 ? labels[b * longest + (s >> 1)] : blank,
    );
    const at = (t: number): number => (t * B + b) * V;
    const n = frames[b];
    const alpha = forward(logp, symbols, n, at);
    const end = (n - 1) * states;
    const total = logAdd(alpha[end + states - 1], states > 1 ? alpha[end + states - 2] : -Infinity);
    losses[b] = -total;
    if (total > -Infinity) addGradient(gradient, logp, symbols, n, at, alpha, total, V);
  }
  return { losses, gradient };
}

/** log of the summed probability of all beginnings that end in state s at frame t, [t * states + s]. */
function forward(
  logp: Float32Array,
  symbols: Int32Array,
  n: number,
  at: (t: number) => number,
): Float64Array {
  const states = symbols.length;
  const alpha = new Float64Array(n * states).fill(-Infinity);
  alpha[0] = logp[at(0) + symbols[0]];
  if (states > 1) alpha[1] = logp[at(0) + symbols[1]];
  for (let t = 1; t < n; t++) {
    const before = (t - 1) * states;
    for (let s = 0; s < states; s++) {
      let sum = alpha[before + s];
      if (s > 0) sum = logAdd(sum, alpha[before + s - 1]);
      if (skips(symbols, s)) sum = logAdd(sum, alpha[before + s - 2]);
      alpha[t * states + s] = sum + logp[at(t) + symbols[s]];
    }
  }
  return alpha;
}

/** Walks back through the frames; `beta[s]` is the log probability of all endings from state s, its own frame included. */
function addGradient(
  gradient: Float32Array,
  logp: Float32Array,
  symbols: Int32Array,
  n: number,
  at: (t: number) => number,
  alpha: Float64Array,
  total: number,
  V: number,
): void {
  const states = symbols.length;
  let after = new Float64Array(states);
  let beta = new Float64Array(states);
  for (let t = n - 1; t >= 0; t--) {
    const row = at(t);
    for (let v = 0; v < V; v++) gradient[row + v] = Math.exp(logp[row + v]);
    for (let s = 0; s < states; s++) {
      let sum = t === n - 1 ? (s >= states - 2 ? 0 : -Infinity) : after[s];
      if (t < n - 1 && s + 1 < states) sum = logAdd(sum, after[s + 1]);
      if (t < n - 1 && skips(symbols, s + 2)) sum = logAdd(sum, after[s + 2]);
      const emitted = logp[row + symbols[s]];
      beta[s] = sum + emitted;
      gradient[row + symbols[s]] -= Math.exp(alpha[t * states + s] + sum - total);
    }
    [after, beta] = [beta, after];
  }
}

/** Whether state s can be entered from s - 2: a label that differs from the one before it. */
function skips(symbols: Int32Array, s: number): boolean {
  return s % 2 === 1 && s > 1 && s < symbols.length && symbols[s] !== symbols[s - 2];
}

function logAdd(a: number, b: number): number {
  if (a === -Infinity) return b;
  if (b === -Infinity) return a;
  return a > b ? a + Math.log1p(Math.exp(b - a)) : b + Math.log1p(Math.exp(a - b));
}
