import * as tf from "@tensorflow/tfjs";

/**
 * Rows of a table, differentiable in the table: the gradient sums the rows of equal index.
 * @param table [rows, width]
 * @param indices int32, any shape, each in [0, rows)
 * @returns [...indices.shape, width]
 */
export function embed(table: tf.Tensor2D, indices: tf.Tensor): tf.Tensor {
  const [rows, width] = table.shape;
  // The gradient of tf.gather would copy rows and sums once more each, by transposes that change nothing.
  const operation = tf.customGrad((table, save) => {
    const flat = tf.reshape(indices, [indices.size]) as tf.Tensor1D;
    (save as tf.GradSaveFunc)([flat]);
    const gradFunc = (dy: tf.Tensor, [flat]: tf.Tensor[]): tf.Tensor =>
      tf.unsortedSegmentSum(tf.reshape(dy, [flat.size, width]), flat as tf.Tensor1D, rows);
    return { value: tf.gather(table as tf.Tensor2D, flat), gradFunc };
  });
  return tf.reshape(operation(table), [...indices.shape, width]);
}
