import * as tf from "@tensorflow/tfjs";

/**
 * Rows of a table, differentiable in the table: the gradient sums the rows of equal index.
 * @param table [rows, width]
 * @param indices int32, any shape, each in [0, rows)
 * @returns [...indices.shape, width]
 */
export function embed(table: tf.Tensor2D, indices: tf.Tensor): tf.Tensor {
  const picked = tf.gather(table, tf.reshape(indices, [indices.size]) as tf.Tensor1D);
  return tf.reshape(picked, [...indices.shape, table.shape[1]]);
}
