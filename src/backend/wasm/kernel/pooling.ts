import { get, set } from "./memory";

/** Gradient of NHWC max pooling: each error goes to the first largest element of its window. `dx` must hold zeros. */
export function maxPoolGradient(
  batch: i32,
  H: i32,
  W: i32,
  C: i32,
  OH: i32,
  OW: i32,
  KH: i32,
  KW: i32,
  SH: i32,
  SW: i32,
  top: i32,
  left: i32,
  x: usize,
  dy: usize,
  dx: usize,
): void {
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < OH; oh++) {
      for (let ow = 0; ow < OW; ow++) {
        const firstH = max(0, oh * SH - top);
        const firstW = max(0, ow * SW - left);
        const endH = min(H, oh * SH - top + KH);
        const endW = min(W, ow * SW - left + KW);
        const from = ((n * OH + oh) * OW + ow) * C;
        for (let c = 0; c < C; c++) {
          let best = ((n * H + firstH) * W + firstW) * C + c;
          let largest = get(x, best);
          for (let h = firstH; h < endH; h++) {
            for (let w = firstW; w < endW; w++) {
              const at = ((n * H + h) * W + w) * C + c;
              const value = get(x, at);
              if (value > largest) {
                largest = value;
                best = at;
              }
            }
          }
          set(dx, best, get(dx, best) + get(dy, from + c));
        }
      }
    }
  }
}
