import * as tf from "@tensorflow/tfjs";
import type { When } from "../core/time.js";
import type { Matrix, Svd } from "../linalg/svd.js";
import type { Decomposition } from "../nn/contacts.js";
import type { MatrixView, Parameters } from "../nn/model.js";
import { disposeParameters } from "../nn/parameters.js";
import { hiddenMatrices } from "../nn/views.js";
import type { Measurement, Probe, Snapshot } from "../train/measure.js";
import { recalibrate } from "../train/recalibrate.js";
import { metricRows, ROW_BYTES } from "./metrics.js";

/** Which singular triplets of a matrix stay: the first ceil(R/2) of R = min(rows, columns), or all but those. */
export type Half = "top" | "bottom";

const HALVES: readonly Half[] = ["top", "bottom"];

/**
 * Metrics of the network with only the top, or only the bottom half of the singular triplets of every matrix but the
 * last layer's (PAPER.md section 1, "top / bottom half pruning"): no retraining, normalisation statistics recomputed on
 * as many training examples as the first evaluation reads. Rows as of `metricsProbe`, with `variant` "top" and "bottom".
 */
export function pruningProbe(when: When): Probe {
  return {
    name: "pruning",
    when,
    needs: (model) => hiddenMatrices(model).map(shortSide),
    bytes: () => 2 * 4 * ROW_BYTES,
    async measure(snapshot): Promise<Measurement> {
      const rows: Measurement["rows"][number][] = [];
      for (const half of HALVES) {
        const parameters = await prunedParameters(snapshot, half);
        const { model, buffers: old, training, evaluations } = snapshot;
        let buffers: Parameters = new Map();
        try {
          buffers = await recalibrate(model, parameters, old, training, Object.values(evaluations)[0]);
          for (const split of Object.keys(evaluations)) {
            rows.push(...metricRows(split, half, await snapshot.evaluate(split, { parameters, buffers })));
          }
        } finally {
          disposeParameters(parameters);
          disposeParameters(buffers);
        }
      }
      return { rows };
    },
  };
}

/** Number of singular triplets in the top half of a rows x columns matrix. */
function topHalf(rows: number, columns: number): number {
  return Math.ceil(Math.min(rows, columns) / 2);
}

/** The top half's singular vectors of the shorter side are enough. */
function shortSide({ name, rows, columns }: MatrixView): Decomposition {
  const kept = topHalf(rows, columns);
  return rows < columns
    ? { matrix: name, left: kept, right: "none" }
    : { matrix: name, left: "none", right: kept };
}

/**
 * The parameters of a snapshot with one half of every hidden matrix, in PyTorch's layouts; all others are as they were.
 * New handles, the caller's to dispose.
 * @param snapshot its `svd` must answer for every matrix of `hiddenMatrices`
 */
export async function prunedParameters<Batch>(
  snapshot: Pick<Snapshot<Batch>, "model" | "parameters" | "matrix" | "svd">,
  half: Half,
): Promise<Parameters> {
  const views = hiddenMatrices(snapshot.model);
  const spectra = await Promise.all(
    views.map(({ name }) => Promise.all([snapshot.matrix(name), snapshot.svd({ matrix: name })])),
  ); // all before the first tensor is made: any may fail
  const pruned = new Map([...snapshot.parameters].map(([name, tensor]) => [name, tensor.clone()]));
  for (const [i, view] of views.entries()) {
    const [matrix, svd] = spectra[i];
    const old = pruned.get(view.parameter)!;
    pruned.set(
      view.parameter,
      tf.tidy(() => asParameter(view, truncated(matrix, svd, half), old.shape)),
    );
    old.dispose();
  }
  return pruned;
}

/**
 * One half of a matrix on the device: the top is W V V^T (or U U^T W for a wide matrix) over the leading vectors, the
 * bottom is the rest of W.
 */
function truncated({ data, rows, columns }: Matrix, svd: Svd, half: Half): tf.Tensor2D {
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
