import { get, get4, set, set4 } from "./memory";

/**
 * The patches of an NHWC input that a convolution without dilation sees, one per row: out[(r - from) OW + ow] holds
 * x[n, oh SH - top + kh, ow SW - left + kw, c] in the order kh, kw, c, zeros outside the image, for r = n OH + oh.
 * @param from first row of output pixels, counted over all images
 * @param to the row after the last
 * @param H height of the input, in pixels
 * @param W width of the input
 * @param C channels of the input
 * @param OH height of the output
 * @param OW width of the output
 * @param KH height of the filter
 * @param KW width of the filter
 * @param SH pixels of the input from one row of the output to the next
 * @param SW pixels of the input from one column of the output to the next
 * @param top rows of padding above the input
 * @param left columns of padding left of the input
 * @param x [batch, H, W, C]: the input, without its padding
 * @param out [(to - from) OW, KH KW C] (written)
 */
export function unfold(
  from: i32,
  to: i32,
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
  out: usize,
): void {
  for (let r = from; r < to; r++) {
    const image = x + ((<usize>((r / OH) * H * W * C)) << 2);
    const firstH = (r % OH) * SH - top;
    for (let ow = 0; ow < OW; ow++) {
      const firstW = ow * SW - left;
      const begin = max(0, -firstW);
      const end = max(begin, min(KW, W - firstW));
      for (let kh = 0; kh < KH; kh++) {
        const h = firstH + kh;
        if (h < 0 || h >= H) {
          clear(KW * C, out);
        } else {
          clear(begin * C, out);
          const seen = image + ((<usize>((h * W + firstW + begin) * C)) << 2);
          copy((end - begin) * C, seen, out + ((<usize>(begin * C)) << 2));
          clear((KW - end) * C, out + ((<usize>(end * C)) << 2));
        }
        out += (<usize>(KW * C)) << 2;
      }
    }
  }
}

/**
 * The transpose of `unfold`: adds every element of `patches` [(to - from) OW, KH KW C] to the element of x that it would
 * be copied from; those outside the image are dropped. The other parameters are those of `unfold`.
 */
export function fold(
  from: i32,
  to: i32,
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
  patches: usize,
): void {
  for (let r = from; r < to; r++) {
    const image = x + ((<usize>((r / OH) * H * W * C)) << 2);
    const firstH = (r % OH) * SH - top;
    for (let ow = 0; ow < OW; ow++) {
      const firstW = ow * SW - left;
      const begin = max(0, -firstW);
      const end = max(begin, min(KW, W - firstW));
      for (let kh = 0; kh < KH; kh++) {
        const h = firstH + kh;
        if (h >= 0 && h < H) {
          const seen = image + ((<usize>((h * W + firstW + begin) * C)) << 2);
          add((end - begin) * C, patches + ((<usize>(begin * C)) << 2), seen);
        }
        patches += (<usize>(KW * C)) << 2;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function clear(n: i32, x: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) set4(x, i, f32x4.splat(0));
  for (; i < n; i++) set(x, i, 0);
}

// @ts-ignore: decorator
@inline
function copy(n: i32, x: usize, out: usize): void {
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    set4(out, i, get4(x, i));
    set4(out, i + 4, get4(x, i + 4));
    set4(out, i + 8, get4(x, i + 8));
    set4(out, i + 12, get4(x, i + 12));
  }
  for (; i + 4 <= n; i += 4) set4(out, i, get4(x, i));
  for (; i < n; i++) set(out, i, get(x, i));
}

// @ts-ignore: decorator
@inline
function add(n: i32, x: usize, sum: usize): void {
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    set4(sum, i, f32x4.add(get4(sum, i), get4(x, i)));
    set4(sum, i + 4, f32x4.add(get4(sum, i + 4), get4(x, i + 4)));
  }
  for (; i + 4 <= n; i += 4) set4(sum, i, f32x4.add(get4(sum, i), get4(x, i)));
  for (; i < n; i++) set(sum, i, get(sum, i) + get(x, i));
}
