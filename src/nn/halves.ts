import * as tf from "@tensorflow/tfjs";
import type { Matrix, Svd } from "../linalg/svd.js";
import type { Decomposition } from "./contacts.js";
import type { MatrixView, Model, Parameters } from "./model.js";
import { hiddenMatrices } from "./views.js";

/** Which singular triplets of a matrix stay: the first ceil(R/2) of R = min(rows, columns), or all but those. */
export type Half = "top" | "bottom";

export const HALVES: readonly Half[] = ["top", "bottom"];

/** A matrix on the host and its decomposition, with the vectors that `halfNeeds` names. */
export interface Decomposed {
  readonly matrix: Matrix;
  readonly svd: Svd;
}

/** Number of singular triplets in the top half of a rows x columns matrix. */
function topHalf(rows: number, columns: number): number {
  return Math.ceil(Math.min(rows, columns) / 2);
}

/** What is decomposed to tell a matrix's halves apart: the top half's singular vectors of the shorter side are enough. */
export function halfNeeds({ name, rows, columns }: MatrixView): Decomposition {
  const kept = topHalf(rows, columns);
  return rows < columns
    ? { matrix: name, left: kept, right: "none" }
    : { matrix: name, left: "none", right: kept };
}

/**
 * Parameters with one half of every hidden matrix (PAPER.md section 1, "top / bottom half pruning"), in PyTorch's layouts;
 * all others are as they were. New handles, the caller's to dispose.
 * @param decompose called for every matrix of `hiddenMatrices` before the first tensor is made
 */
export async function halved(
  model: Pick<Model<never>, "matrices" | "outputLayer">,
  parameters: Parameters,
  half: Half,
  decompose: (view: MatrixView) => Promise<Decomposed>,
): Promise<Map<string, tf.Tensor>> {
  const views = hiddenMatrices(model);
  const decomposed = await Promise.all(views.map(decompose));
  const result = new Map([...parameters].map(([name, tensor]) => [name, tensor.clone()]));
  for (const [i, view] of views.entries()) {
    const old = result.get(view.parameter)!;
    result.set(
      view.parameter,
      tf.tidy(() => asParameter(view, truncated(decomposed[i], half), old.shape)),
    );
    old.dispose();
  }
  return result;
}

/**
 * One half of a matrix on the device: the top is W V V^T (or U U^T W for a wide matrix) over the leading vectors, the
 * bottom is the rest of W.
 */
function truncated({ matrix: { data, rows, columns }, svd }: Decomposed, half: Half): tf.Tensor2D {
  const k = topHalf(rows, columns);
  const w = tf.tensor2d(data, [rows, columns]);
  let top: tf.Tensor2D;
  if (rows < columns) {
    const u = tf.slice(tf.tensor2d(svd.U!, [rows, svd.leftCount]), [0, 0], [rows, k]);
    top = tf.matMul(u, tf.matMul(u, w, true, false));
  } else {
    const vt = tf.slice(tf.tensor2d(svd.Vt!, [svd.rightCount, columns]), [0, 0], [k, columns]);
    top = tf.matMul(tf.matMul(w, vt, false, true), vt);
  }
  return half === "top" ? top : tf.sub(w, top);
}

/** The inverse of reading a parameter as a matrix: a parameter of shape `shape`. */
function asParameter({ layout }: MatrixView, matrix: tf.Tensor2D, shape: readonly number[]): tf.Tensor {
  if (layout === "flatten") return tf.reshape(matrix, [...shape]);
  const [inputs, outputs, ...kernel] = shape;
  return tf.transpose(tf.reshape(matrix, [outputs, inputs, ...kernel]), [1, 0, 2, 3]);
}
