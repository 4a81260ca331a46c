import { get, set } from "./memory";

/**
 * Gradient of NHWC max pooling: each error goes to the first largest element of its window, in row-major order.
 * @param batch images
 * @param H height of the input, in pixels
 * @param W width of the input
 * @param C channels
 * @param OH height of the output
 * @param OW width of the output
 * @param KH height of a window
 * @param KW width of a window
 * @param SH pixels of the input from one row of windows to the next
 * @param SW pixels of the input from one column of windows to the next
 * @param top rows of padding above the input; no padding is ever the largest
 * @param left columns of padding left of the input
 * @param x [batch, H, W, C]: the input, without its padding
 * @param dy [batch, OH, OW, C]: gradient of the output
 * @param dx [batch, H, W, C]: gradient of the input; must hold zeros, and is added to
 */
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
