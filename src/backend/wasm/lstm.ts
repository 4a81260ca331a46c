import * as tf from "@tensorflow/tfjs";
import { lstmWeightGradient } from "../host/lstm-gradient.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";

/**
 * The recurrence of a bidirectional LSTM layer (see FusedOps): each direction's frames in one call. The kernel takes
 * hidden sizes in fours; others are padded with units that stay 0.
 */
export function bidirectionalLstm(
  kernel: Kernel,
  heap: WasmHeap,
  xf: tf.Tensor3D,
  xr: tf.Tensor3D,
  whf: tf.Tensor,
  whr: tf.Tensor,
): tf.Tensor3D {
  const [T, B] = xf.shape;
  const H = whf.shape[1]!;
  const extra = (4 - (H % 4)) % 4;
  if (extra === 0) return recurrence(kernel, heap, xf, xr, whf, whr);
  const padded = H + extra;
  return tf.tidy(() => {
    const inputs = [xf, xr].map((x) => {
      const gates = tf.pad(tf.reshape(x, [T, B, 4, H]), [
        [0, 0],
        [0, 0],
        [0, 0],
        [0, extra],
      ]);
      return tf.reshape(gates, [T, B, 4 * padded]) as tf.Tensor3D;
    });
    const weights = [whf, whr].map((w) => {
      const gates = tf.pad(tf.reshape(w, [4, H, H]), [
        [0, 0],
        [0, extra],
        [0, extra],
      ]);
      return tf.reshape(gates, [4 * padded, padded]);
    });
    const out = recurrence(kernel, heap, inputs[0], inputs[1], weights[0], weights[1]);
    const kept = tf.slice(tf.reshape(out, [T, B, 2, padded]), [0, 0, 0, 0], [T, B, 2, H]);
    return tf.reshape(kept, [T, B, 2 * H]) as tf.Tensor3D;
  });
}

function recurrence(
  kernel: Kernel,
  heap: WasmHeap,
  xf: tf.Tensor3D,
  xr: tf.Tensor3D,
  whf: tf.Tensor,
  whr: tf.Tensor,
): tf.Tensor3D {
  const [T, B] = xf.shape;
  const H = whf.shape[1]!;
  const make = (shape: number[]): tf.Tensor =>
    tf.engine().makeTensorFromTensorInfo(heap.makeOutput(shape, "float32"));
  const at = (tensor: tf.Tensor): number => address(heap, tensor);

  const run = tf.customGrad((...args) => {
    const [xf, xr, whf, whr] = args.slice(0, 4) as tf.Tensor[];
    const save = args[4] as unknown as tf.GradSaveFunc;
    const out = make([T, B, 2 * H]);
    const cells = [make([T, B, H]), make([T, B, H])];
    const gates = [make([T, B, 4 * H]), make([T, B, 4 * H])];
    [xf, xr].forEach((x, d) => {
      const columns = tf.transpose(d === 0 ? whf : whr);
      kernel.lstmForward(T, B, H, d, d * H, at(x), at(columns), at(out), at(cells[d]), at(gates[d]));
    });
    save([out, ...cells, ...gates, whf, whr]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [out, cf, cr, gf, gr, whf, whr] = saved;
      const carried = make([2, B, H]);
      const dx = [make([T, B, 4 * H]), make([T, B, 4 * H])];
      kernel.lstmBackward(T, B, H, 0, 0, at(dy), at(whf), at(cf), at(gf), at(dx[0]), at(carried));
      kernel.lstmBackward(T, B, H, 1, H, at(dy), at(whr), at(cr), at(gr), at(dx[1]), at(carried));
      carried.dispose();
      return [...dx, lstmWeightGradient(dx[0], out, "forward"), lstmWeightGradient(dx[1], out, "reverse")];
    };
    return { value: out, gradFunc };
  });
  return run(xf, xr, whf, whr) as tf.Tensor3D;
}
