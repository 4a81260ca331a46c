import { get, get4, set, set4 } from "./memory";

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
        let c = 0;
        for (; c + 4 <= C; c += 4) {
          const corner = (n * H + firstH) * W + firstW;
          let largest = get4(x, corner * C + c);
          let best = i32x4.splat(corner);
          for (let h = firstH; h < endH; h++) {
            for (let w = firstW; w < endW; w++) {
              const pixel = (n * H + h) * W + w;
              const value = get4(x, pixel * C + c);
              const larger = f32x4.gt(value, largest);
              largest = v128.bitselect(value, largest, larger);
              best = v128.bitselect(i32x4.splat(pixel), best, larger);
            }
          }
          const error = get4(dy, from + c);
          for (let h = firstH; h < endH; h++) {
            for (let w = firstW; w < endW; w++) {
              const pixel = (n * H + h) * W + w;
              const share = v128.and(error, i32x4.eq(best, i32x4.splat(pixel)));
              set4(dx, pixel * C + c, f32x4.add(get4(dx, pixel * C + c), share));
            }
          }
        }
        for (; c < C; c++) {
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
