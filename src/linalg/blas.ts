import { SpectralError } from "../core/errors.js";
import { addressOf, loadLibrary, prepareEnvironment, type NativeLibrary } from "./native-library.js";

/** One or more products C = A B of row-major float32 matrices, or C = C + A B. */
export interface Product {
  /** Whether A is stored as its transpose, [k, m]; B as [n, k]. */
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** A [m, k], B [k, n], C [m, n]. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Addresses in bytes. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Elements from one stored row to the next. */
  readonly pitchA: number;
  readonly pitchB: number;
  readonly pitchC: number;
  /** Whether the product is added to C. */
  readonly add: boolean;
  /** How many products, and the elements from an operand of one to that of the next. */
  readonly count: number;
  readonly strideA: number;
  readonly strideB: number;
  readonly strideC: number;
}

/** A library's product of single-precision matrices. */
export interface Blas {
  readonly path: string;
  /** "OpenBLAS 0.3.29, SkylakeX" */
  readonly description: string;
  /** Computes, on the calling thread. Addresses are those of the process. */
  multiply(product: Product): void;
}

const [ROW_MAJOR, PLAIN, TRANSPOSED] = [101, 111, 112]; // of cblas.h
const ADDRESS = "uintptr_t";

/**
 * The single-precision product of the library that LAPACK comes from (`loadLibrary`), checked on small products.
 * @throws SpectralError that says what was tried and why it was not used
 */
export function loadBlas(wanted?: string): Blas {
  prepareEnvironment();
  return loadLibrary("BLAS", blasOf, wanted);
}

function blasOf(library: NativeLibrary): Blas {
  const integers = (n: number): string[] => Array<string>(n).fill("int");
  const types = [...integers(6), "float", ADDRESS, "int", ADDRESS, "int", "float", ADDRESS, "int"];
  const sgemm = library.find("cblas_sgemm", "void", types);
  const multiply = (p: Product): void => {
    const turnA = p.transposeA ? TRANSPOSED : PLAIN;
    const turnB = p.transposeB ? TRANSPOSED : PLAIN;
    const beta = p.add ? 1 : 0;
    let { a, b, c } = p;
    for (let i = 0; i < p.count; i++) {
      sgemm(ROW_MAJOR, turnA, turnB, p.m, p.n, p.k, 1, a, p.pitchA, b, p.pitchB, beta, c, p.pitchC);
      a += 4 * p.strideA;
      b += 4 * p.strideB;
      c += 4 * p.strideC;
    }
  };
  for (const transposeA of [false, true])
    for (const transposeB of [false, true]) check(multiply, transposeA, transposeB);
  return { path: library.path, description: library.description, multiply };
}

/** @throws SpectralError if a small product is wrong, as it would be from a library with 64-bit integers */
function check(multiply: Blas["multiply"], transposeA: boolean, transposeB: boolean): void {
  const [m, n, k] = [7, 5, 9];
  const a = Float32Array.from({ length: m * k }, (_, i) => ((i * i) % 11) - 4);
  const b = Float32Array.from({ length: k * n }, (_, i) => ((i * i) % 7) - 3);
  const c = new Float32Array(m * n).fill(NaN); // what is not added to is not read
  const [atA, atB, atC] = [a, b, c].map(addressOf);
  const [pitchA, pitchB] = [transposeA ? m : k, transposeB ? k : n];
  const places = { a: atA, b: atB, c: atC, pitchA, pitchB, pitchC: n };
  const product = {
    transposeA,
    transposeB,
    m,
    n,
    k,
    ...places,
    count: 1,
    strideA: 0,
    strideB: 0,
    strideC: 0,
  };
  multiply({ ...product, add: false });
  multiply({ ...product, add: true });
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++)
        sum += a[transposeA ? l * m + i : i * k + l] * b[transposeB ? j * k + l : l * n + j];
      if (c[i * n + j] !== 2 * sum) throw new SpectralError("it multiplies small matrices wrongly");
    }
  }
}
