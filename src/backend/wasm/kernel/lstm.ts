import { sigmoid4, tanh4 } from "./elementwise";
import { get4, set4 } from "./memory";
import { multiply } from "./multiply";

/**
 * One direction of an LSTM layer over all frames, from states of zero. Gates are in the order i, f, g, o.
 * @param T frames, >= 1
 * @param B sequences in the batch
 * @param H hidden units of the direction, a multiple of 4
 * @param reverse whether frames are read from the last to the first
 * @param column 0 or H: where this direction's hidden states begin in a row of `out`
 * @param x [T, B, 4H]: input projections with both biases added
 * @param wt [H, 4H]: the recurrent weight, transposed
 * @param out [T, B, 2H]: hidden states, written at columns column .. column+H-1; the other direction's are not touched
 * @param cells [T, B, H]: cell states (written)
 * @param gates [T, B, 4H]: the gates after their non-linearities (written)
 */
export function lstmForward(
  T: i32,
  B: i32,
  H: i32,
  reverse: bool,
  column: i32,
  x: usize,
  wt: usize,
  out: usize,
  cells: usize,
  gates: usize,
): void {
  const G = 4 * H;
  memory.copy(gates, x, (<usize>(T * B * G)) << 2);
  for (let s = 0; s < T; s++) {
    const t = reverse ? T - 1 - s : s;
    const before = reverse ? t + 1 : t - 1;
    const now = gates + ((<usize>(t * B * G)) << 2);
    if (s > 0) {
      const hidden = out + ((<usize>(before * B * 2 * H + column)) << 2);
      multiply(B, G, H, hidden, 2 * H, 1, wt, G, now, G);
    }
    for (let b = 0; b < B; b++) {
      const gate = now + ((<usize>(b * G)) << 2);
      const cell = cells + ((<usize>((t * B + b) * H)) << 2);
      const previous = cells + ((<usize>((before * B + b) * H)) << 2);
      const hidden = out + ((<usize>((t * B + b) * 2 * H + column)) << 2);
      for (let j = 0; j < H; j += 4) {
        const i = sigmoid4(get4(gate, j));
        const f = sigmoid4(get4(gate, H + j));
        const g = tanh4(get4(gate, 2 * H + j));
        const o = sigmoid4(get4(gate, 3 * H + j));
        let c = f32x4.mul(i, g);
        if (s > 0) c = f32x4.add(c, f32x4.mul(f, get4(previous, j)));
        set4(gate, j, i);
        set4(gate, H + j, f);
        set4(gate, 2 * H + j, g);
        set4(gate, 3 * H + j, o);
        set4(cell, j, c);
        set4(hidden, j, f32x4.mul(o, tanh4(c)));
      }
    }
  }
}

/**
 * The gradient of `lstmForward` with respect to `x`.
 * @param T frames, >= 1
 * @param B sequences in the batch
 * @param H hidden units of the direction, a multiple of 4
 * @param reverse as in the forward pass
 * @param column as in the forward pass
 * @param dOut [T, B, 2H]: gradient of `out`, read at columns column .. column+H-1
 * @param w [4H, H]: the recurrent weight as it is, not transposed
 * @param cells [T, B, H]: from the forward pass
 * @param gates [T, B, 4H]: from the forward pass
 * @param dx [T, B, 4H]: gradient of `x` (written)
 * @param carried [2, B, H]: scratch for the errors that travel from frame to frame, of hidden and of cell states
 */
export function lstmBackward(
  T: i32,
  B: i32,
  H: i32,
  reverse: bool,
  column: i32,
  dOut: usize,
  w: usize,
  cells: usize,
  gates: usize,
  dx: usize,
  carried: usize,
): void {
  const G = 4 * H;
  const one = f32x4.splat(1);
  const dHidden = carried;
  const dCell = carried + ((<usize>(B * H)) << 2);
  memory.fill(carried, 0, (<usize>(2 * B * H)) << 2);
  for (let s = T - 1; s >= 0; s--) {
    const t = reverse ? T - 1 - s : s;
    const before = reverse ? t + 1 : t - 1;
    const error = dx + ((<usize>(t * B * G)) << 2);
    for (let b = 0; b < B; b++) {
      const gate = gates + ((<usize>((t * B + b) * G)) << 2);
      const cell = cells + ((<usize>((t * B + b) * H)) << 2);
      const previous = cells + ((<usize>((before * B + b) * H)) << 2);
      const above = dOut + ((<usize>((t * B + b) * 2 * H + column)) << 2);
      const dGate = error + ((<usize>(b * G)) << 2);
      for (let j = 0; j < H; j += 4) {
        const i = get4(gate, j);
        const f = get4(gate, H + j);
        const g = get4(gate, 2 * H + j);
        const o = get4(gate, 3 * H + j);
        const squashed = tanh4(get4(cell, j));
        const c = s > 0 ? get4(previous, j) : f32x4.splat(0);
        const dh = f32x4.add(get4(above, j), get4(dHidden, b * H + j));
        const slope = f32x4.mul(f32x4.mul(dh, o), f32x4.sub(one, f32x4.mul(squashed, squashed)));
        const dc = f32x4.add(slope, get4(dCell, b * H + j));
        set4(dCell, b * H + j, f32x4.mul(dc, f));
        set4(dGate, j, f32x4.mul(f32x4.mul(dc, g), f32x4.mul(i, f32x4.sub(one, i))));
        set4(dGate, H + j, f32x4.mul(f32x4.mul(dc, c), f32x4.mul(f, f32x4.sub(one, f))));
        set4(dGate, 2 * H + j, f32x4.mul(f32x4.mul(dc, i), f32x4.sub(one, f32x4.mul(g, g))));
        set4(dGate, 3 * H + j, f32x4.mul(f32x4.mul(dh, squashed), f32x4.mul(o, f32x4.sub(one, o))));
      }
    }
    memory.fill(dHidden, 0, (<usize>(B * H)) << 2);
    if (s > 0) multiply(B, H, G, error, G, 1, w, H, dHidden, H);
  }
}
