/**
 * Matrix products in float64, after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication"
 * (2008): both operands are copied into panels four wide, and a 4 x 4 tile of the result is kept in registers.
 * An operand is float32 (the input matrix) or float64, with any row and column stride.
 */
import { allocate, at, clear, doubles, get, mark, release, set } from "./memory";
import { multiplyAdd } from "./vector";

const DEPTH: i32 = 256; // of the common dimension, per pass: a panel of 4 x 256 doubles is 8 kB, a quarter of L1
const BLOCK: i32 = 64; // rows of the left operand packed at a time: 128 kB, in L2
const TILE: i32 = 4;

/**
 * Rows of `length` numbers are kept this far apart: even, and never near a multiple of 4096 bytes, where reads of several rows
 * would wait for a write that only looks like theirs.
 */
export function rowStride(length: i32): i32 {
  const stride = ((length + 7) & ~7) + 4;
  const beyond = (stride + 32) & 511;
  return stride < 256 || beyond >= 96 ? stride : stride + 96 - beyond;
}

function element(p: usize, single: bool): f64 {
  return single ? <f64>load<f32>(p) : load<f64>(p);
}

/**
 * Copies `count` x `depth` elements at `source` into panels of 4 x depth, the four lying side by side; missing rows of
 * the last panel become 0. `across` and `along` are the strides of the first and the second index, in elements.
 */
function pack(
  source: usize,
  single: bool,
  across: i32,
  along: i32,
  count: i32,
  depth: i32,
  target: usize,
): void {
  const size: usize = single ? 2 : 3;
  const a = (<usize>across) << size;
  const step = (<usize>along) << size;
  let i = 0;
  for (; i + 3 < count; i += TILE) {
    let p = source + <usize>i * a;
    const end = target + ((<usize>depth) << 5);
    if (across == 1) {
      if (single) {
        for (; target < end; target += 32, p += step) {
          v128.store(target, f64x2.promote_low_f32x4(v128.load64_zero(p)));
          v128.store(target, f64x2.promote_low_f32x4(v128.load64_zero(p, 8)), 16);
        }
      } else {
        for (; target < end; target += 32, p += step) {
          v128.store(target, v128.load(p));
          v128.store(target, v128.load(p, 16), 16);
        }
      }
    } else {
      let p1 = p + a;
      let p2 = p1 + a;
      let p3 = p2 + a;
      if (single) {
        for (; target < end; target += 32, p += step, p1 += step, p2 += step, p3 += step) {
          store<f64>(target, <f64>load<f32>(p));
          store<f64>(target, <f64>load<f32>(p1), 8);
          store<f64>(target, <f64>load<f32>(p2), 16);
          store<f64>(target, <f64>load<f32>(p3), 24);
        }
      } else {
        for (; target < end; target += 32, p += step, p1 += step, p2 += step, p3 += step) {
          store<f64>(target, load<f64>(p));
          store<f64>(target, load<f64>(p1), 8);
          store<f64>(target, load<f64>(p2), 16);
          store<f64>(target, load<f64>(p3), 24);
        }
      }
    }
  }
  if (i == count) return;
  for (let k = 0; k < depth; k++, target += 32) {
    for (let t = 0; t < TILE; t++) {
      const p = source + <usize>(i + t) * a + <usize>k * step;
      set(target, t, i + t < count ? element(p, single) : 0);
    }
  }
}

/** C[0..3][0..3] += alpha P Q^T for panels of 4 x depth, C having rows `stride` apart. */
function tile(p: usize, q: usize, depth: i32, alpha: f64, c: usize, stride: i32): void {
  let c00 = f64x2.splat(0);
  let c01 = c00;
  let c10 = c00;
  let c11 = c00;
  let c20 = c00;
  let c21 = c00;
  let c30 = c00;
  let c31 = c00;
  const end = q + ((<usize>depth) << 5);
  while (q < end) {
    const b0 = v128.load(q);
    const b1 = v128.load(q, 16);
    const a0 = v128.load64_splat(p);
    c00 = multiplyAdd(a0, b0, c00);
    c01 = multiplyAdd(a0, b1, c01);
    const a1 = v128.load64_splat(p, 8);
    c10 = multiplyAdd(a1, b0, c10);
    c11 = multiplyAdd(a1, b1, c11);
    const a2 = v128.load64_splat(p, 16);
    c20 = multiplyAdd(a2, b0, c20);
    c21 = multiplyAdd(a2, b1, c21);
    const a3 = v128.load64_splat(p, 24);
    c30 = multiplyAdd(a3, b0, c30);
    c31 = multiplyAdd(a3, b1, c31);
    p += 32;
    q += 32;
  }
  const factor = f64x2.splat(alpha);
  const step = (<usize>stride) << 3;
  addTo(c, factor, c00, c01);
  addTo(c + step, factor, c10, c11);
  addTo(c + 2 * step, factor, c20, c21);
  addTo(c + 3 * step, factor, c30, c31);
}

function addTo(c: usize, factor: v128, low: v128, high: v128): void {
  v128.store(c, multiplyAdd(factor, low, v128.load(c)));
  v128.store(c, multiplyAdd(factor, high, v128.load(c, 16)), 16);
}

const edge: usize = memory.data(128, 16);

/**
 * As `tile`, for the part of a tile that lies inside C.
 * @param p panel of the left operand: 4 x depth float64, the four side by side
 * @param q panel of the right operand, likewise
 * @param depth length of the common dimension
 * @param alpha factor of the product
 * @param c address of the tile's first element: float64, in C, which overlaps neither panel
 * @param stride float64 numbers from one row of C to the next
 * @param rows rows of the tile that are added to C, 1 to 4
 * @param columns columns of the tile that are added to C, 1 to 4
 * @param diagonal whether the tile lies on C's diagonal and only its lower triangle is added
 */
function partialTile(
  p: usize,
  q: usize,
  depth: i32,
  alpha: f64,
  c: usize,
  stride: i32,
  rows: i32,
  columns: i32,
  diagonal: bool,
): void {
  clear(edge, 16);
  tile(p, q, depth, alpha, edge, TILE);
  for (let i = 0; i < rows; i++) {
    const width = diagonal ? min(i + 1, columns) : columns;
    for (let j = 0; j < width; j++) set(c, i * stride + j, get(c, i * stride + j) + get(edge, i * TILE + j));
  }
}

/**
 * Adds alpha P Q^T to rows i0 .. i0 + rows - 1 of C: packed rows against all packed columns.
 * @param p those rows of the left operand, `pack`ed: float64, panels of 4 x depth one after the other
 * @param i0 first row of C, a multiple of TILE
 * @param rows number of rows
 * @param q all columns of the right operand, packed likewise
 * @param columns number of columns of C
 * @param depth length of the common dimension in the panels
 * @param alpha factor of the product
 * @param c address of C: float64, row-major; overlaps neither operand
 * @param stride float64 numbers from one row of C to the next
 * @param lower whether only elements (i, j) with j <= i are added to
 */
function tiles(
  p: usize,
  i0: i32,
  rows: i32,
  q: usize,
  columns: i32,
  depth: i32,
  alpha: f64,
  c: usize,
  stride: i32,
  lower: bool,
): void {
  const last = lower ? min(i0 + rows, columns) : columns;
  for (let j = 0; j < last; j += TILE) {
    const first = lower && j > i0 ? j - i0 : 0;
    for (let i = first; i < rows; i += TILE) {
      const pi = at(p, i * depth);
      const qj = at(q, j * depth);
      const cij = at(c, (i0 + i) * stride + j);
      const height = min(rows - i, TILE);
      const width = min(columns - j, TILE);
      const diagonal = lower && i0 + i == j;
      if (height < TILE || width < TILE || diagonal) {
        partialTile(pi, qj, depth, alpha, cij, stride, height, width, diagonal);
      } else {
        tile(pi, qj, depth, alpha, cij, stride);
      }
    }
  }
}

/**
 * C += alpha A B. No element of C is one of A or B; they may lie in one array (some columns of it, and others).
 * @param m rows of A and C
 * @param n columns of B and C
 * @param k columns of A, rows of B
 * @param alpha factor of the product
 * @param a address of A, m x k: element (i, l) lies i aRow + l aColumn elements after it
 * @param aSingle whether A is float32; else float64
 * @param aRow elements from one row of A to the next
 * @param aColumn elements from one column of A to the next
 * @param b address of B, k x n: element (l, j) lies l bRow + j bColumn elements after it
 * @param bSingle whether B is float32; else float64
 * @param bRow elements from one row of B to the next
 * @param bColumn elements from one column of B to the next
 * @param c address of C, m x n float64, row-major; added to
 * @param cRow float64 numbers from one row of C to the next, cRow >= n
 * @param lower whether only the lower triangle of a square C (m = n) is computed; the rest is then not touched
 */
export function multiplyInto(
  m: i32,
  n: i32,
  k: i32,
  alpha: f64,
  a: usize,
  aSingle: bool,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bSingle: bool,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
  lower: bool,
): void {
  const start = mark();
  const depthMost = min(k, DEPTH);
  const q = doubles(((n + 3) & ~3) * depthMost);
  const p = doubles(BLOCK * depthMost);
  const aSize: usize = aSingle ? 2 : 3;
  const bSize: usize = bSingle ? 2 : 3;
  for (let k0 = 0; k0 < k; k0 += DEPTH) {
    const depth = min(k - k0, DEPTH);
    pack(b + ((<usize>k0 * <usize>bRow) << bSize), bSingle, bColumn, bRow, n, depth, q);
    for (let i0 = 0; i0 < m; i0 += BLOCK) {
      const rows = min(m - i0, BLOCK);
      const corner = <usize>i0 * <usize>aRow + <usize>k0 * <usize>aColumn;
      pack(a + (corner << aSize), aSingle, aRow, aColumn, rows, depth, p);
      tiles(p, i0, rows, q, n, depth, alpha, c, cRow, lower);
    }
  }
  release(start);
}

/**
 * C = A B for float64 operands, all with strides in float64 numbers. No element of C is one of A or B.
 * @param m rows of A and C
 * @param n columns of B and C
 * @param k columns of A, rows of B
 * @param a address of A, m x k
 * @param aRow from one row of A to the next
 * @param aColumn from one column of A to the next
 * @param b address of B, k x n
 * @param bRow from one row of B to the next
 * @param bColumn from one column of B to the next
 * @param c address of C, m x n, row-major; overwritten
 * @param cRow from one row of C to the next, cRow >= n
 */
export function multiply(
  m: i32,
  n: i32,
  k: i32,
  a: usize,
  aRow: i32,
  aColumn: i32,
  b: usize,
  bRow: i32,
  bColumn: i32,
  c: usize,
  cRow: i32,
): void {
  for (let i = 0; i < m; i++) clear(at(c, i * cRow), n);
  multiplyInto(m, n, k, 1, a, false, aRow, aColumn, b, false, bRow, bColumn, c, cRow, false);
}

/**
 * Lower triangle of G = A^T A, n x n with rows `stride` apart, for the float32 matrix A of m rows and n columns.
 * Products of float32 numbers are exact in float64, so G carries only the rounding of the sums.
 */
export function gram(a: usize, row: i32, column: i32, m: i32, n: i32, g: usize, stride: i32): void {
  const start = mark();
  const panels = allocate((<usize>((n + 3) & ~3) * <usize>DEPTH) << 3);
  for (let i = 0; i < n; i++) clear(at(g, i * stride), i + 1);
  for (let k0 = 0; k0 < m; k0 += DEPTH) {
    const depth = min(m - k0, DEPTH);
    pack(a + ((<usize>k0 * <usize>row) << 2), true, column, row, n, depth, panels);
    for (let i0 = 0; i0 < n; i0 += BLOCK) {
      tiles(at(panels, i0 * depth), i0, min(n - i0, BLOCK), panels, n, depth, 1, g, stride, true);
    }
  }
  release(start);
}
