/** Where matrices are decomposed. */
export interface Capacity {
  /** Whether by LAPACK, else by WebAssembly. */
  readonly native: boolean;
  /** Bytes of memory that can still be had. */
  readonly memory: number;
}

const GIB = 2 ** 30;
/** Of a matrix as float32: WebAssembly's whole memory, and what Node 20 passes from one thread to another. */
const MOST = 4 * GIB;
const RESERVE = GIB / 16; // of WebAssembly's memory, for the kernel's own work
const NUMERALS = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** Below so many numbers a matrix always has room. */
export const SMALL = 2 ** 26;

/**
 * What keeps a matrix from being decomposed, in words, and what to do; undefined for nothing. Besides the matrix itself
 * (float32, once more in WebAssembly's memory, or in float64 for LAPACK) there must be room for the Gram matrix of its
 * short side, in float64.
 */
export function tooLarge(rows: number, columns: number, { native, memory }: Capacity): string | undefined {
  const single = 4 * rows * columns;
  const gram = 8 * Math.min(rows, columns) ** 2;
  const needed = (native ? 3 : 2) * single + gram;
  const what = `too large: ${NUMERALS.format(rows * columns)} numbers, ${size(single)} in float32`;
  if (single >= MOST)
    return `${what}, and less than 4 GiB can be decomposed here; save a part of its rows as a tensor of its own`;
  if (!native && single + gram > MOST - RESERVE)
    return `${what} and ${size(gram)} beside it, and WebAssembly has 4 GiB; with OpenBLAS installed it is possible (see \`spectral doctor\`)`;
  if (needed > memory)
    return `${what}; it takes about ${size(needed)} of memory, and ${size(memory)} are free; close other programs, or take a larger machine`;
  return undefined;
}

function size(bytes: number): string {
  return `${NUMERALS.format(bytes / GIB)} GiB`;
}
