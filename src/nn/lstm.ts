import * as tf from "@tensorflow/tfjs";
import { fused } from "../backend/chosen.js";
import { fanIn, type Spec } from "./initialise.js";
import { affine } from "./linear.js";
import type { Parameters } from "./model.js";
import { get } from "./parameters.js";

/** The two directions' suffixes in PyTorch's parameter names. */
export const DIRECTIONS = ["", "_reverse"] as const;

/** Gates in the order in which PyTorch stacks them; "cell" is the candidate that it calls g. */
export const GATES = ["input", "forget", "cell", "output"] as const;

/** Parameters of PyTorch's bidirectional LSTM, in its order; all uniform in +-1/sqrt(hidden). */
export function lstmSpecs(name: string, inputs: number, hidden: number, layers: number): Spec[] {
  const fill = fanIn(hidden);
  return Array.from({ length: layers }, (_, layer) =>
    DIRECTIONS.flatMap((direction): Spec[] => {
      const suffix = `l${layer}${direction}`;
      return [
        { name: `${name}.weight_ih_${suffix}`, shape: [4 * hidden, layer === 0 ? inputs : 2 * hidden], fill },
        { name: `${name}.weight_hh_${suffix}`, shape: [4 * hidden, hidden], fill },
        { name: `${name}.bias_ih_${suffix}`, shape: [4 * hidden], fill },
        { name: `${name}.bias_hh_${suffix}`, shape: [4 * hidden], fill },
      ];
    }),
  ).flat();
}

/**
 * One bidirectional layer. The projections of the inputs are one product for all times; only the recurrence is stepwise.
 * @param x [time, n, inputs]
 * @returns [time, n, 2 hidden], forward half first
 */
export function bidirectionalLstm(
  parameters: Parameters,
  name: string,
  layer: number,
  x: tf.Tensor3D,
): tf.Tensor3D {
  const [forward, reverse] = DIRECTIONS.map((direction) => {
    const part = (kind: string): tf.Tensor => get(parameters, `${name}.${kind}_l${layer}${direction}`);
    const projected = affine(x, part("weight_ih"), tf.add(part("bias_ih"), part("bias_hh")));
    return { projected: projected as tf.Tensor3D, recurrent: part("weight_hh") };
  });
  const inputs = [forward.projected, reverse.projected, forward.recurrent, reverse.recurrent] as const;
  return fused().bidirectionalLstm?.(...inputs) ?? composedLstm(...inputs);
}

/**
 * The recurrence of both directions in tfjs operations: what the fused versions must equal.
 * @param xf, xr projected inputs with both biases, [time, n, 4 hidden], gates in the order of `GATES`
 * @param whf, whr recurrent weights, [4 hidden, hidden]
 * @returns [time, n, 2 hidden]
 */
export function composedLstm(xf: tf.Tensor3D, xr: tf.Tensor3D, whf: tf.Tensor, whr: tf.Tensor): tf.Tensor3D {
  return tf.concat([direction(xf, whf, false), direction(xr, whr, true)], 2);
}

function direction(projected: tf.Tensor3D, recurrent: tf.Tensor, reverse: boolean): tf.Tensor3D {
  const inputs = tf.unstack(projected);
  const outputs = new Array<tf.Tensor>(inputs.length);
  let state: { readonly hidden: tf.Tensor; readonly cell: tf.Tensor } | undefined; // zeros at first
  for (let step = 0; step < inputs.length; step++) {
    const t = reverse ? inputs.length - 1 - step : step;
    const gates = state ? tf.add(inputs[t], tf.matMul(state.hidden, recurrent, false, true)) : inputs[t];
    const [i, f, g, o]: tf.Tensor[] = tf.split(gates, GATES.length, 1);
    const written = tf.mul(tf.sigmoid(i), tf.tanh(g));
    const cell: tf.Tensor = state ? tf.add(tf.mul(tf.sigmoid(f), state.cell), written) : written;
    state = { hidden: tf.mul(tf.sigmoid(o), tf.tanh(cell)), cell };
    outputs[t] = state.hidden;
  }
  return tf.stack(outputs) as tf.Tensor3D;
}
