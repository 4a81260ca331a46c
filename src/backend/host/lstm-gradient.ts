import * as tf from "@tensorflow/tfjs";

/**
 * Gradient of a recurrent weight [4H, H] of a bidirectional LSTM: the sum over frames of (error of the gates)^T times
 * the hidden state that the frame came from.
 * @param gates errors before the non-linearities, T x B x 4H
 * @param out hidden states of both directions, T x B x 2H, forward half first
 */
export function lstmWeightGradient(
  gates: tf.Tensor,
  out: tf.Tensor,
  direction: "forward" | "reverse",
): tf.Tensor {
  const [T, B, G] = gates.shape;
  const H = G / 4;
  if (T === 1) return tf.zeros([G, H]);
  const [gateStart, hiddenStart, column] = direction === "forward" ? [1, 0, 0] : [0, 1, H];
  const rows = (T - 1) * B;
  const errors = tf.reshape(tf.slice(gates, [gateStart, 0, 0], [T - 1, B, G]), [rows, G]);
  const hidden = tf.reshape(tf.slice(out, [hiddenStart, 0, column], [T - 1, B, H]), [rows, H]);
  return tf.matMul(errors, hidden, true, false);
}
