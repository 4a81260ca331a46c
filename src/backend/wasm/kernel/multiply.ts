import { get, get4, multiplyAdd, set, set4, splat } from "./memory";

/**
 * C += A B for small matrices. Blocks of 4 x 8 of C stay in registers.
 * @param M rows of A and C
 * @param N columns of B and C
 * @param K columns of A, rows of B
 * @param a A [M, K]: element (m, k) lies m * rowA + k * columnA elements after it, so that A may be transposed or strided
 * @param rowA elements from one row of A to the next
 * @param columnA elements from one column of A to the next
 * @param b B [K, N], row-major
 * @param pitchB elements from one row of B to the next, >= N
 * @param c C [M, N], row-major; added to
 * @param pitchC elements from one row of C to the next, >= N
 */
export function multiply(
  M: i32,
  N: i32,
  K: i32,
  a: usize,
  rowA: i32,
  columnA: i32,
  b: usize,
  pitchB: i32,
  c: usize,
  pitchC: i32,
): void {
  let n = 0;
  for (; n + 8 <= N; n += 8) {
    let m = 0;
    for (; m + 4 <= M; m += 4) block4x8(K, a, m, rowA, columnA, b, n, pitchB, c, pitchC);
    for (; m < M; m++) block1x8(K, a, m, rowA, columnA, b, n, pitchB, c, pitchC);
  }
  for (; n + 4 <= N; n += 4) {
    for (let m = 0; m < M; m++) block1x4(K, a, m, rowA, columnA, b, n, pitchB, c, pitchC);
  }
  for (; n < N; n++) {
    for (let m = 0; m < M; m++) {
      let sum = get(c, m * pitchC + n);
      for (let k = 0; k < K; k++) sum += get(a, m * rowA + k * columnA) * get(b, k * pitchB + n);
      set(c, m * pitchC + n, sum);
    }
  }
}

/**
 * `multiply` for rows m .. m+3 and columns n .. n+7 of C; `block1x8` and `block1x4` are for one row, and eight or four
 * columns.
 * @param K columns of A, rows of B
 * @param a the whole of A, strided as in `multiply`
 * @param m the block's first row
 * @param rowA elements from one row of A to the next
 * @param columnA elements from one column of A to the next
 * @param b the whole of B
 * @param n the block's first column
 * @param pitchB elements from one row of B to the next
 * @param c the whole of C; the block is added to
 * @param pitchC elements from one row of C to the next
 */
function block4x8(
  K: i32,
  a: usize,
  m: i32,
  rowA: i32,
  columnA: i32,
  b: usize,
  n: i32,
  pitchB: i32,
  c: usize,
  pitchC: i32,
): void {
  const c0 = c + ((<usize>(m * pitchC + n)) << 2);
  const c1 = c0 + ((<usize>pitchC) << 2);
  const c2 = c1 + ((<usize>pitchC) << 2);
  const c3 = c2 + ((<usize>pitchC) << 2);
  let s00 = get4(c0, 0);
  let s01 = get4(c0, 4);
  let s10 = get4(c1, 0);
  let s11 = get4(c1, 4);
  let s20 = get4(c2, 0);
  let s21 = get4(c2, 4);
  let s30 = get4(c3, 0);
  let s31 = get4(c3, 4);
  let pa = a + ((<usize>(m * rowA)) << 2);
  let pb = b + ((<usize>n) << 2);
  const stepA = (<usize>columnA) << 2;
  const stepB = (<usize>pitchB) << 2;
  for (let k = 0; k < K; k++) {
    const b0 = get4(pb, 0);
    const b1 = get4(pb, 4);
    let x = splat(pa, 0);
    s00 = multiplyAdd(x, b0, s00);
    s01 = multiplyAdd(x, b1, s01);
    x = splat(pa, rowA);
    s10 = multiplyAdd(x, b0, s10);
    s11 = multiplyAdd(x, b1, s11);
    x = splat(pa, 2 * rowA);
    s20 = multiplyAdd(x, b0, s20);
    s21 = multiplyAdd(x, b1, s21);
    x = splat(pa, 3 * rowA);
    s30 = multiplyAdd(x, b0, s30);
    s31 = multiplyAdd(x, b1, s31);
    pa += stepA;
    pb += stepB;
  }
  set4(c0, 0, s00);
  set4(c0, 4, s01);
  set4(c1, 0, s10);
  set4(c1, 4, s11);
  set4(c2, 0, s20);
  set4(c2, 4, s21);
  set4(c3, 0, s30);
  set4(c3, 4, s31);
}

/** One row: see `block4x8`. */
function block1x8(
  K: i32,
  a: usize,
  m: i32,
  rowA: i32,
  columnA: i32,
  b: usize,
  n: i32,
  pitchB: i32,
  c: usize,
  pitchC: i32,
): void {
  const at = m * pitchC + n;
  let s0 = get4(c, at);
  let s1 = get4(c, at + 4);
  for (let k = 0; k < K; k++) {
    const x = splat(a, m * rowA + k * columnA);
    s0 = multiplyAdd(x, get4(b, k * pitchB + n), s0);
    s1 = multiplyAdd(x, get4(b, k * pitchB + n + 4), s1);
  }
  set4(c, at, s0);
  set4(c, at + 4, s1);
}

/** Half a row: see `block4x8`. */
function block1x4(
  K: i32,
  a: usize,
  m: i32,
  rowA: i32,
  columnA: i32,
  b: usize,
  n: i32,
  pitchB: i32,
  c: usize,
  pitchC: i32,
): void {
  const at = m * pitchC + n;
  let sum = get4(c, at);
  for (let k = 0; k < K; k++)
    sum = multiplyAdd(splat(a, m * rowA + k * columnA), get4(b, k * pitchB + n), sum);
  set4(c, at, sum);
}

/**
 * `batch` products C[z] = A[z] B[z] in a row.
 * @param batch number of products
 * @param M rows of A[z] and C[z]
 * @param N columns of B[z] and C[z]
 * @param K columns of A[z], rows of B[z]
 * @param a A[0] [M, K]: element (m, k) lies m * rowA + k * columnA elements after it
 * @param strideA elements from A[z] to A[z + 1]: M K, or 0 where all products share one A
 * @param rowA elements from one row of A[z] to the next
 * @param columnA elements from one column of A[z] to the next
 * @param b B[0] [K, N], row-major without gaps
 * @param strideB elements from B[z] to B[z + 1]: K N, or 0 where all products share one B
 * @param c C [batch, M, N] (written)
 */
export function multiplyBatch(
  batch: i32,
  M: i32,
  N: i32,
  K: i32,
  a: usize,
  strideA: i32,
  rowA: i32,
  columnA: i32,
  b: usize,
  strideB: i32,
  c: usize,
): void {
  memory.fill(c, 0, (<usize>(batch * M * N)) << 2);
  for (let z = 0; z < batch; z++) {
    multiply(M, N, K, a, rowA, columnA, b, N, c, N);
    a += (<usize>strideA) << 2;
    b += (<usize>strideB) << 2;
    c += (<usize>(M * N)) << 2;
  }
}

/** out[z] = x[z]^T for `batch` matrices: x [batch, rows, columns], out [batch, columns, rows] (written). */
export function transposeBatch(batch: i32, rows: i32, columns: i32, x: usize, out: usize): void {
  for (let z = 0; z < batch; z++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) set(out, j * rows + i, get(x, i * columns + j));
    }
    x += (<usize>(rows * columns)) << 2;
    out += (<usize>(rows * columns)) << 2;
  }
}

/**
 * Gradient of an NHWC convolution, without dilation, with respect to its filter: for every row of the output and every
 * tap, (the row of the input that the tap sees)^T times the row of dy.
 * @param batch images
 * @param H height of the input, in pixels
 * @param W width of the input
 * @param C channels of the input
 * @param OH height of the output
 * @param OW width of the output
 * @param F channels of the output
 * @param KH height of the filter
 * @param KW width of the filter
 * @param SH pixels of the input from one row of the output to the next
 * @param SW pixels of the input from one column of the output to the next
 * @param top rows of padding above the input; those below follow from OH
 * @param left columns of padding left of the input; those on its right follow from OW
 * @param x [batch, H, W, C]: the input, without its padding
 * @param dy [batch, OH, OW, F]: gradient of the output
 * @param out [KH, KW, C, F]: gradient of the filter (written)
 */
export function filterGradient(
  batch: i32,
  H: i32,
  W: i32,
  C: i32,
  OH: i32,
  OW: i32,
  F: i32,
  KH: i32,
  KW: i32,
  SH: i32,
  SW: i32,
  top: i32,
  left: i32,
  x: usize,
  dy: usize,
  out: usize,
): void {
  memory.fill(out, 0, (<usize>(KH * KW * C * F)) << 2);
  for (let kh = 0; kh < KH; kh++) {
    for (let kw = 0; kw < KW; kw++) {
      const tap = out + ((<usize>((kh * KW + kw) * C * F)) << 2);
      // Output columns [first, end) see input columns inside the image.
      const offset = kw - left;
      const first = offset >= 0 ? 0 : (-offset + SW - 1) / SW;
      const end = min(OW, (W - 1 - offset) / SW + 1);
      if (end <= first || W - 1 - offset < 0) continue;
      for (let n = 0; n < batch; n++) {
        for (let oh = 0; oh < OH; oh++) {
          const h = oh * SH + kh - top;
          if (h < 0 || h >= H) continue;
          const row = x + ((<usize>(((n * H + h) * W + first * SW + offset) * C)) << 2);
          const error = dy + ((<usize>(((n * OH + oh) * OW + first) * F)) << 2);
          multiply(C, F, end - first, row, 1, SW * C, error, F, tap, F);
        }
      }
    }
  }
}
