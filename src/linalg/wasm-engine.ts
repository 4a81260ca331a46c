import { readFileSync } from "node:fs";
import { join } from "node:path";
import v8 from "node:v8";
import { SpectralError } from "../core/errors.js";
import { nonFiniteError } from "./request.js";
import type { CheckedRequest, Matrix, Svd, SvdEngine } from "./svd.js";

/** A compiled kernel; it can be posted to worker threads. */
export interface Kernel {
  readonly module: WebAssembly.Module;
  readonly relaxed: boolean;
}

/** What src/linalg/wasm/kernel.ts exports and describes; numbers are byte addresses, and counts and strides of elements. */
interface KernelExports {
  readonly memory: WebAssembly.Memory;
  mark(): number;
  allocate(bytes: number): number;
  release(position: number): void;
  decompose(...parameters: number[]): number;
  leadingEigenpairs(d: number, e: number, n: number, count: number, lambda: number, z: number): number;
  multiplyInto(...parameters: number[]): void;
}

const DONE = 0;
const NON_FINITE = 1;

/** WebAssembly memory never shrinks: an instance larger than this is dropped after use. */
const MOST_KEPT = 512 * 2 ** 20;

/**
 * Compiles the kernel `name` in `directory`: with relaxed SIMD (fused multiply-add) where the engine has it, else plain.
 * Node 20's V8 has relaxed SIMD behind a flag that is read when a module is compiled.
 * @param wantRelaxed false for the plain one in any case
 */
export function compileKernel(directory: string, name = "svd", wantRelaxed = true): Kernel {
  if (wantRelaxed) {
    const fused = readFileSync(join(directory, `${name}-relaxed.wasm`));
    if (!WebAssembly.validate(fused) && process.versions.v8.startsWith("11.")) {
      v8.setFlagsFromString("--experimental-wasm-relaxed-simd");
    }
    if (WebAssembly.validate(fused)) return { module: new WebAssembly.Module(fused), relaxed: true };
  }
  return { module: new WebAssembly.Module(readFileSync(join(directory, `${name}.wasm`))), relaxed: false };
}

/** The engine that needs nothing but Node: src/linalg/wasm, one instance. */
export function wasmEngine(kernel: Kernel): SvdEngine {
  let instance = instantiate(kernel);
  const decompose = (matrix: Matrix, request: CheckedRequest): Svd => {
    try {
      const svd = run(instance, matrix, request);
      if (instance.memory.buffer.byteLength > MOST_KEPT) instance = instantiate(kernel);
      return svd;
    } catch (error) {
      instance = instantiate(kernel);
      if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) throw error;
      const size = `${matrix.rows} x ${matrix.columns}`;
      throw new SpectralError(
        `svd: "${request.name}" (${size}) needs more memory than WebAssembly has (4 GiB)`,
        {
          cause: error,
        },
      );
    }
  };
  return { description: `WebAssembly (${kernel.relaxed ? "relaxed" : "plain"} SIMD)`, decompose };
}

/** Eigenvalues, falling, and the leading eigenvectors of a symmetric tridiagonal matrix, one per row. */
export interface Eigenpairs {
  readonly lambda: Float64Array;
  readonly z: Float64Array;
}

/**
 * The kernel's solver for symmetric tridiagonal matrices: diagonal d, and off-diagonal e with e_i between i and i + 1.
 * It returns undefined where inverse iteration does not converge.
 */
export function tridiagonalSolver(
  kernel: Kernel,
): (d: Float64Array, e: Float64Array, count: number) => Eigenpairs | undefined {
  const instance = instantiate(kernel);
  return (d, e, count) => {
    const n = d.length;
    const start = instance.mark();
    const block = instance.allocate((3 + count) * n * 8) >>> 0;
    const [off, lambda, z] = [block + 8 * n, block + 16 * n, block + 24 * n];
    const view = () => new Float64Array(instance.memory.buffer);
    view().set(d, block / 8);
    view().set([0, ...e.subarray(0, n - 1)], off / 8);
    const status = instance.leadingEigenpairs(block, off, n, count, lambda, z);
    const result = {
      lambda: view().slice(lambda / 8, lambda / 8 + n),
      z: view().slice(z / 8, z / 8 + count * n),
    };
    instance.release(start);
    return status === DONE ? result : undefined;
  };
}

/** X Y^T of two float32 matrices of n rows, row-major: n x n inner products of their rows, in float64. */
export type RowProducts = (x: Float32Array, y: Float32Array, n: number) => Float64Array;

/** The kernel's matrix product, for products of the rows of two matrices. */
export function rowProducts(kernel: Kernel): RowProducts {
  const instance = instantiate(kernel);
  return (x, y, n) => {
    const length = x.length / n;
    const start = instance.mark();
    const [a, b] = [x, y].map((matrix) => {
      const address = instance.allocate(matrix.byteLength) >>> 0;
      new Float32Array(instance.memory.buffer, address, matrix.length).set(matrix);
      return address;
    });
    const c = instance.allocate(n * n * 8) >>> 0;
    new Float64Array(instance.memory.buffer, c, n * n).fill(0);
    instance.multiplyInto(n, n, length, 1, a, 1, length, 1, b, 1, 1, length, c, n, 0);
    const product = new Float64Array(instance.memory.buffer, c, n * n).slice();
    instance.release(start);
    return product;
  };
}

function instantiate(kernel: Kernel): KernelExports {
  const abort = () => {
    throw new SpectralError("svd: the kernel aborted");
  };
  return new WebAssembly.Instance(kernel.module, { env: { abort } }).exports as unknown as KernelExports;
}

function run(kernel: KernelExports, matrix: Matrix, request: CheckedRequest): Svd {
  const { data, rows, columns } = matrix;
  const { left, right, name } = request;
  const tall = rows >= columns;
  const long = Math.max(rows, columns);
  const short = Math.min(rows, columns);
  const start = kernel.mark();
  try {
    const a = kernel.allocate(data.byteLength) >>> 0;
    const s = kernel.allocate(short * 8) >>> 0;
    const u = kernel.allocate(rows * left * 4) >>> 0;
    const vt = kernel.allocate(right * columns * 4) >>> 0;
    new Float32Array(kernel.memory.buffer, a, data.length).set(data);
    // Of each output: where, the distance of a vector's elements, the distance of vectors, their number.
    const leftSide = [u, left, 1, left];
    const rightSide = [vt, 1, columns, right];
    const sides = tall ? [...rightSide, ...leftSide] : [...leftSide, ...rightSide];
    const strides = tall ? [columns, 1] : [1, columns]; // of the long side, of the short side
    const status = kernel.decompose(a, ...strides, long, short, s, ...sides);
    if (status === NON_FINITE) throw nonFiniteError(matrix, name);
    if (status !== DONE)
      throw new SpectralError(`svd: "${name}" (${rows} x ${columns}): QL did not converge`);
    const { buffer } = kernel.memory;
    return {
      rows,
      columns,
      s: new Float64Array(buffer, s, short).slice(),
      U: left > 0 ? new Float32Array(buffer, u, rows * left).slice() : null,
      leftCount: left,
      Vt: right > 0 ? new Float32Array(buffer, vt, right * columns).slice() : null,
      rightCount: right,
    };
  } finally {
    kernel.release(start);
  }
}
