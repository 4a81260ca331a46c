import { get, get4, set, set4 } from "./memory";

/** Columns of the result that are made together: whole cache lines are written, and few rows are read at a time. */
const BLOCK = 16;

/**
 * Exchanges axes: out[i0, i1, i2, i3] = x[i0 s0 + i1 s1 + i2 s2 + i3 s3], in four-byte elements of any type.
 * @param d0 size of the result's first axis, and so on; s0 to s3 lie a whole element apart, and one of them is 1
 * @param s0 elements of x from one index of that axis to the next
 * @param x input
 * @param out [d0, d1, d2, d3] (written)
 */
export function transpose(
  d0: i32,
  d1: i32,
  d2: i32,
  d3: i32,
  s0: i32,
  s1: i32,
  s2: i32,
  s3: i32,
  x: usize,
  out: usize,
): void {
  if (s3 === 1) {
    for (let i = 0; i < d0; i++) {
      for (let j = 0; j < d1; j++) {
        for (let k = 0; k < d2; k++) {
          copy(d3, x + ((<usize>(i * s0 + j * s1 + k * s2)) << 2), out);
          out += (<usize>d3) << 2;
        }
      }
    }
    return;
  }
  const o2 = d3;
  const o1 = d2 * o2;
  const o0 = d1 * o1;
  for (let from = 0; from < d3; from += BLOCK) {
    const columns = min(BLOCK, d3 - from);
    const source = x + ((<usize>(from * s3)) << 2);
    const target = out + ((<usize>from) << 2);
    if (s0 === 1) planes(columns, d0, s3, o0, d1, s1, o1, d2, s2, o2, source, target);
    else if (s1 === 1) planes(columns, d1, s3, o1, d0, s0, o0, d2, s2, o2, source, target);
    else planes(columns, d2, s3, o2, d0, s0, o0, d1, s1, o1, source, target);
  }
}

/**
 * Transposes matrices [columns, rows], whose rows lie `pitch` apart in x, to [rows, columns], whose rows lie `outPitch`
 * apart; one for each pair of indices of two further axes, of sizes n and m, with strides in x and out.
 */
function planes(
  columns: i32,
  rows: i32,
  pitch: i32,
  outPitch: i32,
  n: i32,
  strideN: i32,
  outN: i32,
  m: i32,
  strideM: i32,
  outM: i32,
  x: usize,
  out: usize,
): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const from = x + ((<usize>(i * strideN + j * strideM)) << 2);
      plane(columns, rows, pitch, outPitch, from, out + ((<usize>(i * outN + j * outM)) << 2));
    }
  }
}

function plane(columns: i32, rows: i32, pitch: i32, outPitch: i32, x: usize, out: usize): void {
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    let c = 0;
    for (; c + 4 <= columns; c += 4) {
      const a0 = get4(x, c * pitch + r);
      const a1 = get4(x, (c + 1) * pitch + r);
      const a2 = get4(x, (c + 2) * pitch + r);
      const a3 = get4(x, (c + 3) * pitch + r);
      const low01 = v128.shuffle<i32>(a0, a1, 0, 4, 1, 5);
      const low23 = v128.shuffle<i32>(a2, a3, 0, 4, 1, 5);
      const high01 = v128.shuffle<i32>(a0, a1, 2, 6, 3, 7);
      const high23 = v128.shuffle<i32>(a2, a3, 2, 6, 3, 7);
      set4(out, r * outPitch + c, v128.shuffle<i64>(low01, low23, 0, 2));
      set4(out, (r + 1) * outPitch + c, v128.shuffle<i64>(low01, low23, 1, 3));
      set4(out, (r + 2) * outPitch + c, v128.shuffle<i64>(high01, high23, 0, 2));
      set4(out, (r + 3) * outPitch + c, v128.shuffle<i64>(high01, high23, 1, 3));
    }
    for (; c < columns; c++) {
      for (let l = 0; l < 4; l++) set(out, (r + l) * outPitch + c, get(x, c * pitch + r + l));
    }
  }
  for (; r < rows; r++) {
    for (let c = 0; c < columns; c++) set(out, r * outPitch + c, get(x, c * pitch + r));
  }
}

// @ts-ignore: decorator
@inline
function copy(n: i32, x: usize, out: usize): void {
  let i = 0;
  for (; i + 4 <= n; i += 4) set4(out, i, get4(x, i));
  for (; i < n; i++) set(out, i, get(x, i));
}
