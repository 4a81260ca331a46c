import * as tf from "@tensorflow/tfjs";
import type { PooledWebGpu } from "./dispatch.js";
import { type LstmPlan, planLstm } from "./lstm-plan.js";
import { backwardShader, forwardShader, packShader } from "./lstm-shaders.js";
import { words } from "./shader.js";
import { wrap } from "./tensors.js";

/**
 * The recurrence of a bidirectional LSTM layer (see FusedOps): all frames of both directions in one dispatch forward and
 * one backward; then the gradients of the recurrent weights as one product for each direction.
 */
export function bidirectionalLstm(
  backend: PooledWebGpu,
  xf: tf.Tensor3D,
  xr: tf.Tensor3D,
  whf: tf.Tensor,
  whr: tf.Tensor,
): tf.Tensor3D | undefined {
  const [T, B] = xf.shape;
  const H = whf.shape[1]!;
  const plan = planLstm(H, B, backend.device.limits);
  if (!plan) return undefined;
  const make = (shape: number[]): tf.Tensor => wrap(backend.makeTensorInfo(shape, "float32"));
  const grid = [Math.ceil(B / plan.sequences), 2, 1] as const;
  const recurrence = tf.customGrad((...args) => {
    const [xf, xr, whf, whr] = args.slice(0, 4) as tf.Tensor[];
    const save = args[4] as unknown as tf.GradSaveFunc;
    const shapes = [
      [T, B, 2 * H],
      [2, T, B, H],
      [2, T, B, H, 4],
      [T * B, H],
      [T * B, H],
    ];
    const [hidden, ...kept] = shapes.map(make);
    const weights = packed(backend, plan, whf, whr, false);
    backend.run(forwardShader(plan), [hidden, ...kept], [xf, xr, weights], words(T, B), grid);
    save([...kept, whf, whr]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [cells, gates, pf, pr, whf, whr] = saved;
      const [df, dr] = [make([T, B, 4 * H]), make([T, B, 4 * H])];
      const weights = packed(backend, plan, whf, whr, true);
      backend.run(backwardShader(plan), [df, dr], [dy, cells, gates, weights], words(T, B), grid);
      const product = (errors: tf.Tensor, previous: tf.Tensor): tf.Tensor =>
        tf.matMul(tf.reshape(errors, [T * B, 4 * H]), previous, true, false);
      return [df, dr, product(df, pf), product(dr, pr)];
    };
    return { value: hidden, gradFunc };
  });
  return recurrence(xf, xr, whf, whr) as tf.Tensor3D;
}

/** The recurrent weights of both directions as a pass reads them. */
function packed(
  backend: PooledWebGpu,
  { units, rows, columns }: LstmPlan,
  whf: tf.Tensor,
  whr: tf.Tensor,
  backward: boolean,
): tf.Tensor {
  const weights = wrap(backend.makeTensorInfo([2, rows, columns, 4], "float32"));
  const uniforms = words(units, rows, columns, backward ? 1 : 0);
  backend.run(packShader, [weights], [whf, whr], uniforms, [Math.ceil(columns / 64), rows, 2]);
  return weights;
}
